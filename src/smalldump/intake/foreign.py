"""Archives that the standard library does not read (7z, rar, cab), by libarchive where it is installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from smalldump.intake.entries import Entry, Packed
from smalldump.intake.limits import Refused

__all__ = ["cab_entries", "rar5_entries", "rar_entries", "sevenzip_entries"]

_BLOCK = 1 << 16
_NO_WORDS = "damaged or of an unknown kind"
_MODULE_MISSING = "needs the Python package libarchive-c: pip install libarchive-c"
_LIBRARY_MISSING = (
    "needs the system's libarchive: apt install libarchive13 (Debian, Ubuntu; there also libarchive13t64), "
    "dnf install libarchive (Fedora), brew install libarchive (macOS), "
    "or set LIBARCHIVE to the path of the library (libarchive.dll on Windows)"
)


def _entries(format_name: str, packed: Packed) -> Iterator[Entry]:
    libarchive = _libarchive(format_name)
    try:
        with _reader(libarchive, packed)(format_name=format_name, filter_name="none") as archive:
            data = partial(_Data, libarchive, archive)
            for position, entry in enumerate(archive):
                if entry.isfile:
                    yield Entry(position, _name(entry.pathname), data, entry.size)
    except libarchive.ArchiveError as error:
        raise _Broken(error.msg or _NO_WORDS) from error


def _libarchive(format_name: str) -> Any:
    import logging

    try:
        import libarchive
    except ModuleNotFoundError as error:
        raise Refused(f"a {format_name} archive: reading it {_MODULE_MISSING}") from error
    except (OSError, AttributeError, TypeError) as error:
        # Without the library ctypes loads the program itself, which lacks the functions (on Windows: TypeError).
        raise Refused(f"a {format_name} archive: reading it {_LIBRARY_MISSING}") from error
    # The package logs warnings; without a handler Python prints them, between whatever is on the terminal.
    logger = logging.getLogger(libarchive.__name__)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return libarchive


def _reader(libarchive: Any, packed: Packed) -> Callable[..., AbstractContextManager[Any]]:
    if packed.file is None:
        return partial(libarchive.memory_reader, packed.whole())
    # A file number means nothing to a library with another C runtime, a name in wide characters loses
    # what is not Unicode: each is right on one system only.
    if sys.platform == "win32":
        return partial(libarchive.file_reader, str(packed.path))
    # The file object has read ahead: seeking in its buffer has not moved the descriptor.
    os.lseek(packed.file.fileno(), 0, os.SEEK_SET)
    return partial(libarchive.fd_reader, packed.file.fileno())


def _name(name: str | bytes | None) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name or ""


class _Data:
    """A member's bytes. Not read by the package's get_blocks, which takes the code of a warning for a length."""

    def __init__(self, libarchive: Any, archive: Any) -> None:
        self._libarchive, self._archive = libarchive, archive

    def read(self, size: int, /) -> bytes:
        import ctypes

        buffer = ctypes.create_string_buffer(min(size, _BLOCK))
        try:
            got: int = self._libarchive.ffi.read_data(self._archive._pointer, buffer, len(buffer))
        except self._libarchive.ArchiveError as error:
            raise _Broken(error.msg or _NO_WORDS) from error
        if got < 0:
            # A wrong checksum, mostly; the next member may be whole.
            raise Refused(f"damaged: {_text(self._libarchive.ffi.error_string(self._archive._pointer))}")
        return buffer.raw[:got]


class _Broken(Exception):
    """What libarchive says of an archive, without the pointers that its own error prints."""


def _text(words: bytes | None) -> str:
    return (words or _NO_WORDS.encode()).decode("utf-8", "replace")


sevenzip_entries = partial(_entries, "7zip")
rar_entries = partial(_entries, "rar")
rar5_entries = partial(_entries, "rar5")
cab_entries = partial(_entries, "cab")
