"""Files as memory: the bytes of a file, at their offsets, however large the file is.

`MappedFile` looks at bytes that somebody else holds (an mmap, or bytes), `OpenedFile` reads a descriptor piece by
piece: it keeps nothing, cannot be hit by SIGBUS when the file is cut short meanwhile, and says so when a slow or
distant medium fails.
"""

from __future__ import annotations

import errno
import mmap
import os
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from smalldump.errors import SourceUnreadable
from smalldump.memory.spaces import AddressSpace

__all__ = ["FileMapping", "FileSpace", "MappedFile", "OpenedFile", "opened_file"]

_PREAD = getattr(os, "pread", None)
_SEEK_DATA, _SEEK_HOLE = getattr(os, "SEEK_DATA", None), getattr(os, "SEEK_HOLE", None)
_LARGEST_READ = 1 << 30
_LARGE_PIECE = 1 << 16
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class FileSpace(AddressSpace):
    """The bytes of a file; addresses are file offsets.

    Attributes:
        size: Of the file, in bytes.
    """

    size: int

    @abstractmethod
    def data_ranges(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of `[start, end)` that may hold more than zeros, ascending: a file's holes are left out."""

    def next_readable(self, start: int, end: int) -> int | None:
        return start if 0 <= start < min(end, self.size) else None

    def __contains__(self, address: int) -> bool:
        return 0 <= address < self.size


class OpenedFile(FileSpace):
    """A file that is read piece by piece. It owns its descriptor: `close` gives it back.

    Attributes:
        name: What it is called in messages.
    """

    def __init__(self, descriptor: int, size: int, name: str) -> None:
        """Take over an open descriptor of a regular file of `size` bytes; `name` is for messages."""
        self.size, self._descriptor, self.name = size, descriptor, name
        self._turn = Lock()

    def status(self) -> os.stat_result:
        """What the system says of the open file, whatever lies under its name by now."""
        return os.fstat(self._descriptor)

    def read_some(self, address: int, size: int) -> bytes:
        """Read at most `size` bytes, stopping where the file ends.

        Raises:
            SourceUnreadable: The medium failed, or the file is closed.
        """
        size = min(size, self.size - address)
        if address < 0 or size <= 0:
            return b""
        try:
            data = self._read(address, min(size, _LARGEST_READ))
            while len(data) < size and (more := self._read(address + len(data), min(size - len(data), _LARGEST_READ))):
                data += more
        except OSError as error:
            raise SourceUnreadable(self.name, error.strerror or str(error)) from error
        return data

    def _read(self, offset: int, size: int) -> bytes:
        if _PREAD is not None:
            data: bytes = _PREAD(self._descriptor, size, offset)
            return data
        with self._turn:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, size)

    def data_ranges(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        end = min(end, self.size)
        if _SEEK_DATA is None or _SEEK_HOLE is None:
            yield from [(start, end)] if start < end else []
            return
        while start < end:
            begin = self._seek(start, _SEEK_DATA, end)
            stop = min(self._seek(begin, _SEEK_HOLE, end), end)
            if begin < stop:
                yield begin, stop
            start = max(stop, start + 1)

    def _seek(self, offset: int, whence: int, end: int) -> int:
        try:
            with self._turn:
                return os.lseek(self._descriptor, offset, whence)
        except OSError as error:
            # ENXIO: nothing but a hole is left. Other errors: the file system knows no holes, all is data.
            return end if error.errno == errno.ENXIO or whence == _SEEK_HOLE else offset

    def close(self) -> None:
        """Give the descriptor back. Closing twice does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class FileMapping(mmap.mmap):
    """A file mapped into memory for reading, which can still be read the other way, too.

    Attributes:
        file: The same file, opened; it is closed with the mapping.
    """

    file: OpenedFile

    def __new__(cls, descriptor: int, size: int, name: str) -> FileMapping:
        """Map a regular file; the descriptor stays the caller's."""
        file = OpenedFile(os.dup(descriptor), size, name)
        try:
            self = super().__new__(cls, descriptor, size, access=mmap.ACCESS_READ)
        except BaseException:  # an interrupt, too, would leave the descriptor open; it goes on up
            file.close()
            raise
        self.file = file
        return self

    def close(self) -> None:
        super().close()
        self.file.close()

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        # Another process gets a copy: the file may have no name there.
        return bytes, (self[:],)

    def __del__(self) -> None:
        # Views that outlived `close` kept the mapping; with the last of them the descriptor goes, too.
        self.file.close()


class MappedFile(FileSpace):
    """A file whose bytes are in memory already, or mapped there.

    Of a `FileMapping` large pieces are read from the file: a mapping that is looked through stays in the process's
    memory, page by page, and its holes cannot be told from zeros.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self.size = len(self._data)
        below = self._data.obj
        self._file = below.file if isinstance(below, FileMapping) and below.file.size == self.size else None

    def read_some(self, address: int, size: int) -> bytes:
        if not 0 <= address < self.size or size <= 0:
            return b""
        if self._file is not None and size >= _LARGE_PIECE:
            return self._file.read_some(address, size)
        return bytes(self._data[address : address + size])

    def data_ranges(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        if self._file is not None:
            yield from self._file.data_ranges(start, end)
        elif start < (end := min(end, self.size)):
            yield start, end


def opened_file(path: Path) -> OpenedFile:
    """Open a file to be read piece by piece.

    Raises:
        SourceUnreadable: It is missing, refused, or has no size.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise SourceUnreadable(str(path), getattr(error, "strerror", None) or str(error)) from error
    try:
        return OpenedFile(descriptor, os.lseek(descriptor, 0, os.SEEK_END), str(path))
    except OSError as error:
        os.close(descriptor)
        raise SourceUnreadable(str(path), error.strerror or str(error)) from error
