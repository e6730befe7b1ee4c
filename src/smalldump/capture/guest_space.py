"""A guest's physical memory: pieces of files, or what its monitor gives when it is asked."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from smalldump.capture.core_dump import core_dump
from smalldump.capture.guest_layout import GuestRange
from smalldump.capture.monitor import Monitor
from smalldump.errors import CommandRefused
from smalldump.memory import FileSpace, PhysicalSpace, RangeMap

__all__ = ["GuestSpace", "MonitorFile"]

_PIECE = 1 << 16
_MOST_KEPT = 1 << 10
_MOST_ASKED = 1 << 12
"""Pieces that are asked for at most: 256 MiB, so that no guest stands still for long."""


class GuestSpace(PhysicalSpace):
    """Ranges of physical memory, each at an offset of a file."""

    def __init__(self, pieces: Iterable[tuple[GuestRange, FileSpace, int]]) -> None:
        """Take ranges that do not overlap, the file of each, and where it begins there."""
        self._map = RangeMap((each.start, each.end, (file, offset - each.start)) for each, file, offset in pieces)

    def read_some(self, address: int, size: int) -> bytes:
        found = bytearray()
        while len(found) < size and (piece := self._map.find(address + len(found))):
            at = address + len(found)
            (file, shift), wanted = piece[2], min(size - len(found), piece[1] - at)
            data = file.read_some(at + shift, wanted)
            found += data
            if len(data) < wanted:
                break
        return bytes(found)

    def next_readable(self, start: int, end: int) -> int | None:
        for begin, _, _ in self._map.from_position(start):
            return max(begin, start) if begin < end else None
        return None

    def ranges(self) -> Iterator[tuple[int, int]]:
        for start, end, _ in self._map:
            yield start, end

    def data_ranges(self) -> Iterator[tuple[int, int]]:
        for start, end, (file, shift) in self._map:
            for begin, stop in file.data_ranges(start + shift, end + shift):
                yield begin - shift, stop - shift

    def __contains__(self, address: int) -> bool:
        return self._map.find(address) is not None


class MonitorFile(FileSpace):
    """Physical memory as the monitor gives it; offsets are physical addresses. For threads beside the event loop."""

    def __init__(self, monitor: Monitor, end: int) -> None:
        """Take the monitor and the end of physical memory."""
        self.size, self._monitor, self._asked = end, monitor, 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def read_some(self, address: int, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            at = address + len(found)
            part = self._piece(at & -_PIECE)[at % _PIECE :][: size - len(found)]
            found += part
            if not part:
                break
        return bytes(found)

    def data_ranges(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        if start < min(end, self.size):
            yield start, min(end, self.size)

    def _piece(self, start: int) -> bytes:
        if start not in self._kept:
            if self._asked == _MOST_ASKED or not 0 <= start < self.size:
                return b""
            self._asked += 1
            if len(self._kept) == _MOST_KEPT:
                self._kept.popitem(last=False)
            self._kept[start] = self._fetched(start)
        return self._kept[start]

    def _fetched(self, start: int) -> bytes:
        wanted = core_dump(self._monitor, start, min(_PIECE, self.size - start))
        try:
            core = asyncio.run_coroutine_threadsafe(wanted, self._monitor.loop).result()
        except CommandRefused:  # no memory there
            return b""
        begin = core.space.next_readable(start, start + _PIECE)
        if begin is None:
            return b""
        return bytes(begin - start) + core.space.read_some(begin, start + _PIECE - begin)
