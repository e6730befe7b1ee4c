"""Address spaces: something that has bytes at addresses, with gaps.

Three verbs: `read` gives all bytes or raises, `read_some` gives what is there up to the first gap, `try_read` gives
all bytes or None.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from smalldump.errors import MemoryUnavailable
from smalldump.memory.ranges import RangeMap

__all__ = ["AddressSpace", "BytesSpace", "Overlay", "Segment"]


_PAGE_MASK = 0xFFF


class AddressSpace(ABC):
    """Memory with gaps."""

    @abstractmethod
    def read_some(self, address: int, size: int) -> bytes:
        """Read at most `size` bytes from `address` on, stopping at the first byte that is not there."""

    def read(self, address: int, size: int) -> bytes:
        """Read `size` bytes starting at `address`; they may cross pages and segments.

        Raises:
            MemoryUnavailable: Some byte is not there; `.got` holds those before it.
        """
        data = self.read_some(address, size)
        if len(data) < size:
            raise MemoryUnavailable(address, size, data)
        return data

    def try_read(self, address: int, size: int) -> bytes | None:
        """Read `size` bytes starting at `address`, or None if any of them is not there."""
        data = self.read_some(address, size)
        return data if len(data) == size else None

    def word(self, address: int, size: int) -> int | None:
        """The little-endian unsigned integer of `size` bytes at `address`, or None if it is not there."""
        data = self.read_some(address, size)
        return int.from_bytes(data, "little") if len(data) == size else None

    def next_readable(self, start: int, end: int) -> int | None:
        """The first address in `[start, end)` that can be read, or None; by pages where nothing better is known."""
        while start < end:
            if start in self:
                return start
            start = (start | _PAGE_MASK) + 1
        return None

    def __contains__(self, address: int) -> bool:
        return bool(self.read_some(address, 1))


class Segment(NamedTuple):
    """Bytes that lie at `address`, and where they come from.

    Attributes:
        address: Of the first byte.
        data: The bytes.
        origin: In words: `call stack`, `data block 17`, `ETHREAD`.
        offset: File offset of the first byte, or None.
    """

    address: int
    data: memoryview
    origin: str
    offset: int | None = None

    @property
    def end(self) -> int:
        """Address behind the last byte."""
        return self.address + len(self.data)


class Overlay(AddressSpace):
    """Segments over one another: where they overlap the earlier one wins, where they touch reads run on."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self._map = RangeMap((segment.address, segment.address + len(segment.data), segment) for segment in segments)

    def read_some(self, address: int, size: int) -> bytes:
        end = address + max(size, 0)
        piece = self._map.find(address)
        if piece is None:
            return b""
        if end <= piece[1]:
            segment = piece[2]
            return bytes(segment.data[address - segment.address : end - segment.address])
        return b"".join(self._chunks(address, end))

    def _chunks(self, address: int, end: int) -> Iterator[memoryview]:
        for start, stop, segment in self._map.from_position(address):
            if start > address or address >= end:
                return
            yield segment.data[address - segment.address : min(stop, end) - segment.address]
            address = stop

    def next_readable(self, start: int, end: int) -> int | None:
        for piece_start, _, _ in self._map.from_position(start):
            return max(piece_start, start) if piece_start < end else None
        return None

    def __contains__(self, address: int) -> bool:
        return self._map.find(address) is not None

    def origin(self, address: int) -> Segment | None:
        """The segment that serves `address`, if any."""
        return self._map.at(address)

    def pieces(self) -> Iterator[tuple[int, int, Segment]]:
        """What is readable, ascending: start, end (exclusive) and the segment that serves it."""
        return iter(self._map)


class BytesSpace(Overlay):
    """Memory given as a mapping from address to bytes: for tests and tools."""

    def __init__(self, memory: Mapping[int, bytes]) -> None:
        super().__init__(Segment(address, memoryview(data), "bytes") for address, data in memory.items())
