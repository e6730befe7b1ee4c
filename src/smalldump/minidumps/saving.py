"""A save: all bytes under a new name, or nothing; never in the place of another file.

    write a temporary in the same directory, flush it
    give it its name by a call that refuses names that are taken
    take the temporary's name away, flush the directory

A process that is killed leaves at most a temporary, whose name `is_temporary` knows.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from smalldump.minidumps.filesystem import FileSystem

__all__ = ["Exclusive", "NewFile", "is_temporary", "save_new"]

_TEMPORARY = re.compile(r"\.smalldump-\d+-[0-9a-f]{8}\.tmp", re.ASCII)
_NOT_HERE = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class Exclusive(Enum):
    """By which call a name was taken so that no other file could be replaced."""

    LINK = "link"
    RENAME = "rename"
    CLAIM = "claim"

    @property
    def words(self) -> str:
        """The call for people."""
        return _EXCLUSIVE_WORDS[self]


_EXCLUSIVE_WORDS = {
    Exclusive.LINK: "a hard link, which refuses names that are taken",
    Exclusive.RENAME: "a rename that refuses names that are taken",
    Exclusive.CLAIM: "an empty file that claimed the name first (this file system has neither hard links nor a rename"
    " that refuses; a save that is killed here may leave an empty file)",
}


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that was saved.

    Attributes:
        path: Its name.
        how: By which call it got the name.
        directory_flushed: Whether the name itself is known to be on the disk; some systems cannot tell.
    """

    path: Path
    how: Exclusive
    directory_flushed: bool


def is_temporary(name: str) -> bool:
    """Whether a name is that of an unfinished save, to be ignored."""
    return _TEMPORARY.fullmatch(name) is not None


def save_new(folder: Path, names: Iterator[str], fill: Callable[[int], None], disk: FileSystem) -> NewFile:
    """Save what `fill` writes to a descriptor under the first of `names` that is free, as the module says.

    Raises:
        OSError: It could not be done; then no new name is in the folder, unless even taking it away failed.
    """
    with _temporary_file(folder, disk, fill) as temporary:
        path, how = _named(temporary, folder, names, disk)
    try:
        return NewFile(path, how, disk.flush_directory(folder))
    except OSError:
        with suppress(OSError):
            disk.remove(path)
        raise


@contextmanager
def _temporary_file(folder: Path, disk: FileSystem, fill: Callable[[int], None]) -> Iterator[Path]:
    """A file with a name of its own, filled by `fill` and flushed; its name is gone afterwards."""
    path = folder / f".smalldump-{os.getpid()}-{secrets.token_hex(4)}.tmp"
    descriptor = disk.create(path)
    try:
        try:
            fill(descriptor)
            disk.flush(descriptor)
        finally:
            disk.close(descriptor)
        yield path
    finally:
        with suppress(OSError):  # renamed, or no more to be done about it
            disk.remove(path)


def _named(temporary: Path, folder: Path, names: Iterator[str], disk: FileSystem) -> tuple[Path, Exclusive]:
    ways = [(Exclusive.LINK, disk.link), (Exclusive.RENAME, disk.rename_refusing), (Exclusive.CLAIM, _claiming(disk))]
    path = folder / next(names)
    while True:
        how, take = ways[0]
        try:
            take(temporary, path)
        except FileExistsError:
            following = next(names, None)
            if following is None:
                raise
            path = folder / following
        except OSError as error:
            if error.errno not in _NOT_HERE or len(ways) == 1:
                raise
            ways.pop(0)
        else:
            return path, how


def _claiming(disk: FileSystem) -> Callable[[Path, Path], None]:
    def claim(old: Path, new: Path) -> None:
        disk.close(disk.create(new))
        try:
            disk.rename(old, new)
        except OSError:
            with suppress(OSError):
                disk.remove(new)
            raise

    return claim
