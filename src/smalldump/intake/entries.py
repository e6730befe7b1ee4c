"""Entries: what an archive's reader hands out, and the metered bytes that flow between readers."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from smalldump.intake.limits import Budget, OverLimit, in_words

__all__ = ["START_BYTES", "Entry", "Metered", "Packed", "Readable", "read_whole"]

START_BYTES = 512
"""Bytes looked at to tell what a file or member is: enough for the mark of tar, at 257."""
_PIECE = 1 << 20


class Readable(Protocol):
    """Anything with the usual ``read``: at most so many bytes, none at the end."""

    def read(self, size: int, /) -> bytes: ...


class Entry(NamedTuple):
    """A file in an archive, not yet unpacked.

    Attributes:
        position: Which of the archive's members it is, from 0: names may repeat.
        name: The name as the archive has it, hostile perhaps.
        open: Starts the unpacking. For archives read in sequence, only before the next entry is asked for.
        size: Unpacked size as the archive declares it, or None.
    """

    position: int
    name: str
    open: Callable[[], Readable]
    size: int | None = None


class Metered:
    """A stream that counts what is read from it against a budget, and can be looked at ahead."""

    def __init__(self, source: Readable, budget: Budget) -> None:
        self._source, self._budget = source, budget
        self._ahead = b""

    def read(self, size: int, /) -> bytes:
        """Read up to so many bytes; none only at the end. OverLimit where the budget ends."""
        if self._ahead:
            piece, self._ahead = self._ahead[:size], self._ahead[size:]
            return piece
        piece = self._source.read(size)
        self._budget.take(len(piece))
        return piece

    def start(self) -> bytes:
        """The first START_BYTES, or all there are; they will be read again."""
        pieces, wanted = [self._ahead], START_BYTES - len(self._ahead)
        self._ahead = b""
        while wanted > 0 and (piece := self.read(wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        self._ahead = b"".join(pieces)
        return self._ahead


def read_whole(stream: Readable, limit: int, declared: int | None = None) -> bytes:
    """Read a stream to its end. OverLimit for more than the limit, at once if the declared size says so."""
    pieces: list[bytes] = []
    size = 0
    while size <= limit and (declared or 0) <= limit:
        piece = stream.read(_PIECE)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
    raise OverLimit(f"larger than {in_words(limit)} unpacked (limit)")


class Packed(NamedTuple):
    """An archive's own bytes, in the form that its reader needs.

    Attributes:
        name: What the archive is called, without folders.
        file: The archive as a file that can seek, where it is one.
        stream: The archive as a stream, where it lies in another archive; else the file again.
        largest: Bytes of an archive in another archive that are unpacked into memory at most.
        path: Where the archive is on disk, if it is.
    """

    name: str
    file: BinaryIO | None
    stream: Readable
    largest: int
    path: Path | None = None

    def seekable(self) -> BinaryIO:
        """The archive as a file that can seek: unpacked into memory if need be."""
        return self.file if self.file is not None else io.BytesIO(self.whole())

    def whole(self) -> bytes:
        """The archive as bytes, for one that lies in another archive."""
        return read_whole(self.stream, self.largest)
