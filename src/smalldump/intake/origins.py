"""Origins: where a dump's bytes come from, as a value that can be sent to another process."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from smalldump.errors import SourceUnreadable
from smalldump.intake.names import printable
from smalldump.memory import FileMapping

__all__ = ["Member", "Origin", "shown_name", "why"]

_STDIN = "<stdin>"
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive: its place in it, from 0, and its name there, which may be hostile or repeated."""

    position: int
    name: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one dump's bytes come from, or why they cannot be had; `open_origin` opens it, here or elsewhere.

    Origins are small, hashable and picklable, except that members of archives carry their bytes: the archive
    has just been unpacked up to there.

    Attributes:
        path: The file on disk, perhaps an archive; None for standard input.
        members: The way down through archives, outermost first; empty for a file as it is.
        data: The bytes, where they have been read already; those of large streams are in a temporary file.
        error: Why there are no bytes; opening raises it.
        spooled: A compressed image of physical memory, which opening unpacks into a temporary file.
        remark: What reading the bytes has cost, in words.
    """

    path: Path | None
    members: tuple[Member, ...] = ()
    data: bytes | FileMapping | None = field(default=None, repr=False, compare=False)
    error: SourceUnreadable | None = field(default=None, compare=False)
    spooled: bool = False
    remark: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """What is shown, safe for a terminal: the path, and for members ``archive.zip!folder/member.dmp``."""
        return shown_name(self.path, self.members)

    @property
    def file_name(self) -> str:
        """The name without folders and archives, safe for a terminal."""
        if self.members:
            # Archives may hold names with the separators of any system.
            return printable(self.members[-1].name.replace("\\", "/").rpartition("/")[2])
        return _STDIN if self.path is None else printable(self.path.name)


def shown_name(path: Path | None, members: tuple[Member, ...] = ()) -> str:
    """Name a file or a member of an archive for people: ``archive.zip!member.dmp``."""
    outermost = _STDIN if path is None else str(path)
    return "!".join(printable(part) for part in (outermost, *(member.name for member in members)))


def why(error: Exception) -> str:
    """Say in words why reading failed: the system's own words, or those of the library that gave up."""
    if isinstance(error, SourceUnreadable):
        return error.why
    if isinstance(error, PermissionError):
        hint = " (run as administrator)" if sys.platform == "win32" else ""
        return f"access is denied{hint}"
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    if isinstance(error, MemoryError):
        return "unpacking it takes more memory than there is"
    if isinstance(error, EOFError):
        return "cut short: its data end early"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(text[:_LONGEST_REASON]) or f"damaged ({type(error).__name__})"
