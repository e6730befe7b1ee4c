"""ByteSource: the bytes of one dump, open for reading."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from types import TracebackType

from smalldump.errors import SourceUnreadable
from smalldump.intake.files import open_regular
from smalldump.intake.names import printable
from smalldump.intake.origins import shown_name, why
from smalldump.memory import FileMapping

__all__ = ["ByteSource", "open_file"]

# Measured on Linux, opening and then walking the whole file: reading wins up to 256 KiB (21 against 35 µs to
# the first byte), is even at 1 MiB, and loses from there (at 16 MiB 4 ms against 33 µs to the first byte).
# Bytes that were read are also safe from others: a mapped file that someone cuts short ends the process with
# SIGBUS when the lost part is touched. Nearly all small dumps stay below this size.
_READ_WHOLE = 1 << 20


class ByteSource:
    """The bytes of one dump, and what they are called. A context manager: leaving it closes the source.

    Attributes:
        name: What is shown: the path, and for members of archives ``archive.zip!member.dmp``.
        file_name: The same without folders and archives, safe to show, too.
        path: The file on disk that the bytes come from, perhaps an archive; None for standard input.
        data: The bytes, read-only. A large file's are mapped, and stay as good as the file: if someone
            cuts it short meanwhile, touching the lost part ends the process (POSIX) or raises (Windows).
        size: Number of bytes.
        remark: What opening has cost, in words, where that is worth a word.
        beside: What the file would be called on disk, where others of the same machine may lie beside it; None for
            members of archives and streams.
    """

    __slots__ = ("_mapping", "beside", "data", "file_name", "name", "path", "remark", "size")

    def __init__(
        self,
        name: str,
        path: Path | None,
        data: bytes | memoryview,
        mapping: mmap.mmap | None = None,
        *,
        file_name: str | None = None,
        remark: str = "",
        beside: Path | None = None,
    ) -> None:
        self.name, self.path, self.remark, self.beside = name, path, remark, beside
        self.file_name = file_name or (name if path is None else printable(path.name))
        self.data = memoryview(data).toreadonly()
        self.size = len(self.data)
        self._mapping = mapping

    def __enter__(self) -> ByteSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ByteSource {self.name!r}, {self.size:#x} bytes>"

    def close(self) -> None:
        """Give the bytes back; `data` is invalid from then on. Closing twice does nothing.

        Views that others took of a mapped file stay valid: its mapping ends with the last of them. Until
        then Windows lets nobody delete the file.
        """
        mapping, self._mapping = self._mapping, None
        try:
            self.data.release()
            if mapping is not None:
                mapping.close()
        except BufferError:
            # Views are alive somewhere; they own the mapping now.
            pass


def open_file(path: Path) -> ByteSource:
    """Open a regular file as it is. An empty one has no bytes.

    Raises:
        SourceUnreadable: It is missing, refused, or no regular file.
    """
    descriptor, size = open_regular(path)
    try:
        if size <= _READ_WHOLE:
            return ByteSource(shown_name(path), path, _read(descriptor, size), beside=path)
        mapping = FileMapping(descriptor, size, shown_name(path))
        return ByteSource(shown_name(path), path, memoryview(mapping), mapping, beside=path)
    except (OSError, ValueError, MemoryError) as error:
        raise SourceUnreadable(shown_name(path), why(error)) from error
    finally:
        os.close(descriptor)


def _read(descriptor: int, size: int) -> bytes:
    data = os.read(descriptor, size)
    while len(data) < size and (more := os.read(descriptor, size - len(data))):
        data += more
    return data
