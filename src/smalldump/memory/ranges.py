"""Half-open ranges of integers: the only interval code there is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from itertools import islice
from operator import itemgetter, le
from typing import Generic, TypeVar

__all__ = ["RangeMap"]

T = TypeVar("T")
_Range = tuple[int, int, T]
_START, _END = itemgetter(0), itemgetter(1)


class RangeMap(Generic[T]):
    """Which value owns which integer, for ranges `[start, end)` that may overlap: the earlier range wins.

    Built once, never changed. Building takes O(n log n), a lookup O(log n).
    """

    __slots__ = ("_pieces", "_starts")

    def __init__(self, ranges: Iterable[_Range[T]]) -> None:
        """Take `(start, end, value)` triples in order of precedence; empty and reversed ranges are ignored."""
        self._pieces = _flatten([each for each in ranges if each[0] < each[1]])
        self._starts = [piece[0] for piece in self._pieces]

    def __len__(self) -> int:
        return len(self._pieces)

    def __iter__(self) -> Iterator[_Range[T]]:
        """The pieces left after precedence, ascending, never overlapping."""
        return iter(self._pieces)

    def find(self, position: int) -> _Range[T] | None:
        """The piece that holds `position`, if any."""
        index = bisect_right(self._starts, position) - 1
        if index < 0 or position >= self._pieces[index][1]:
            return None
        return self._pieces[index]

    def at(self, position: int) -> T | None:
        """The value that owns `position`, if any."""
        piece = self.find(position)
        return None if piece is None else piece[2]

    def from_position(self, position: int) -> Iterator[_Range[T]]:
        """The pieces from the one that holds `position` (or the next one) on, ascending."""
        index = bisect_right(self._starts, position) - 1
        if index < 0 or self._pieces[index][1] <= position:
            index += 1
        while index < len(self._pieces):
            yield self._pieces[index]
            index += 1

    def gaps(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of `[start, end)` that nothing owns, ascending."""
        position = start
        for piece_start, piece_end, _ in self.from_position(start):
            if piece_start >= end:
                break
            if piece_start > position:
                yield position, piece_start
            position = piece_end
        if position < end:
            yield position, end


def _flatten(ranges: list[_Range[T]]) -> list[_Range[T]]:
    # Most ranges overlap nothing: only groups of those that do need the sweep over their borders.
    ordered = sorted(ranges, key=_START)
    if all(map(le, map(_END, ordered), map(_START, islice(ordered, 1, None)))):
        return ordered
    starts = [each[0] for each in ranges]
    pieces: list[_Range[T]] = []
    group: list[int] = []  # the last piece, and what overlaps it or one another
    reach = -1
    for order in sorted(range(len(ranges)), key=starts.__getitem__):
        piece = ranges[order]
        if piece[0] < reach:
            group.append(order)
            reach = max(reach, piece[1])
            continue
        if len(group) > 1:
            pieces[-1:] = _resolved(ranges, group)
        pieces.append(piece)
        group, reach = [order], piece[1]
    pieces[-1:] = _resolved(ranges, group)
    return pieces


def _resolved(ranges: list[_Range[T]], group: list[int]) -> Iterator[_Range[T]]:
    return _sweep([ranges[order] for order in sorted(group)])


def _sweep(ranges: list[_Range[T]]) -> Iterator[_Range[T]]:
    # Walk over all borders, keeping the ranges that are open there in a heap ordered by precedence.
    waiting = sorted(range(len(ranges)), key=lambda order: ranges[order][0], reverse=True)
    borders = sorted({border for start, end, _ in ranges for border in (start, end)})
    open_ranges: list[int] = []
    begun, owner = 0, -1
    for border in borders:
        while waiting and ranges[waiting[-1]][0] <= border:
            heappush(open_ranges, waiting.pop())
        while open_ranges and ranges[open_ranges[0]][1] <= border:
            heappop(open_ranges)
        new_owner = open_ranges[0] if open_ranges else -1
        if new_owner != owner:
            if owner >= 0:
                yield begun, border, ranges[owner][2]
            begun, owner = border, new_owner
