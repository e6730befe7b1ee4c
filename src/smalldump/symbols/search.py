"""Search by address in a sorted table as it lies in a file."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["SortedTable"]


K = TypeVar("K", int, tuple[int, int])
_STEP = 16


class SortedTable(Generic[K]):
    """A table sorted by key. When it is first searched, every 16th key is decoded and kept; the others are not.

    Args:
        count: Entries.
        key: The key of entry n.
    """

    __slots__ = ("_count", "_kept", "_key")

    def __init__(self, count: int, key: Callable[[int], K]) -> None:
        self._count = count
        self._key: Callable[[int], K] = key
        self._kept: list[K] | None = None

    def __len__(self) -> int:
        return self._count

    def last_up_to(self, wanted: K) -> int:
        """Index of the last entry whose key is at most `wanted`; -1 where there is none."""
        if self._kept is None:
            self._kept = [self._key(index) for index in range(0, self._count, _STEP)]
        end = bisect_right(self._kept, wanted) * _STEP
        start = max(end - _STEP, 0)
        return bisect_right(range(self._count), wanted, start, min(end, self._count), key=self._key) - 1

    def first_like(self, index: int) -> int:
        """Index of the first entry with the key of entry `index`."""
        key = self._key(index)
        if index and self._key(index - 1) == key:
            return bisect_left(range(self._count), key, 0, index, key=self._key)
        return index
