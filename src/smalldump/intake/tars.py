"""Tar archives, by the standard library, read in sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from smalldump.intake.entries import Entry, Packed, Readable
from smalldump.intake.limits import OverLimit, Refused, in_words

if TYPE_CHECKING:
    import tarfile
    from typing import IO

__all__ = ["tar_entries"]

# Long names and extended headers are read whole, however long they say they are.
_LARGEST_HEADERS = 1 << 20
_READ_AHEAD = 1 << 16
_READS_PAST_END = 2


def tar_entries(packed: Packed) -> Iterator[Entry]:
    """Yield a tar's files in sequence: each can be opened only until the next is asked for."""
    import tarfile

    feed = _Feed(packed.stream)
    with tarfile.open(fileobj=cast("IO[bytes]", feed), mode="r|", bufsize=_READ_AHEAD) as archive:
        for position, info in enumerate(archive):
            archive.members = []  # type: ignore[attr-defined]  # else it keeps them all
            feed.left = info.size + _LARGEST_HEADERS
            if info.isreg():
                yield Entry(position, info.name, _Member(archive, info).open, info.size)


class _Member:
    def __init__(self, archive: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        self._archive, self._info = archive, info

    def open(self) -> Readable:
        if self._info.issparse():
            raise Refused("stored as a sparse file, which is not read: unpack it and name the dump itself")
        return cast("IO[bytes]", self._archive.extractfile(self._info))


class _Feed:
    """The tar's bytes, no more of them from one member to the next than the member and sane headers have.

    Tarfile passes over a member by reading on as often as its size asks for, even where nothing comes any
    more: a size of 2^80 would take forever.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.left = _LARGEST_HEADERS
        self._reads_past_end = 0

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(size)
        self._reads_past_end += not piece
        if self._reads_past_end > _READS_PAST_END:
            raise EOFError
        self.left -= len(piece)
        if self.left < 0:
            raise OverLimit(f"a header in the tar claims more than {in_words(_LARGEST_HEADERS)} (limit)")
        return piece
