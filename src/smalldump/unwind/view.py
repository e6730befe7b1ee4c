"""The saved stack as an unwinder sees it: words, slots, and which values may be return addresses."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Collection

from smalldump.memory import AddressSpace
from smalldump.model import Module, Snapshot, StackWindow, UnloadedModule
from smalldump.model.absent import present
from smalldump.unwind.kernel_data import kernel_data

__all__ = ["HEADER_PAGE", "LONGEST_WINDOW", "StackView"]

HEADER_PAGE = 0x1000
"""Bytes at the start of an image that hold its headers and never code."""
LONGEST_WINDOW = 0x12000
"""Bytes of stack that are searched at most: the size of the largest kernel stacks."""


class StackView:
    """The words of a stack window, with the modules and the memory that tell what they are.

    Attributes:
        start, end: Addresses of the first word and behind the last one.
        size: Bytes of a word.
        words: The values, lowest address first.
        memory: All memory of the dump, and the code of images.
        code: Lowest and highest address (exclusive) that can lie in a module, loaded or unloaded.
        pointers: Index and value of the words that may point into modules.
        cut_short: Whether the window goes on beyond `end`.
        at_base: Whether `end` is the base of the stack.
    """

    def __init__(self, snapshot: Snapshot, window: StackWindow, low: int, code: AddressSpace | None = None) -> None:
        """View `window` from the word that holds the address `low` on; `code` is where instructions are read."""
        self.size = size = snapshot.machine.pointer
        self.start = max(low & -size, (window.start + size - 1) & -size)
        data = window.data[self.start - window.start :][:LONGEST_WINDOW]
        count = len(data) // size
        self.words: tuple[int, ...] = struct.unpack_from(f"<{count}{'Q' if size == 8 else 'I'}", data)
        self.end = self.start + count * size
        self.cut_short = self.end + size <= window.end
        self.at_base = window.cut == 0
        self.memory = snapshot.memory if code is None else code
        self._modules, self._unloaded_at = snapshot.modules, snapshot.unloaded_at
        self._data = kernel_data(snapshot)
        unloaded = present(snapshot.unloaded_modules) or ()
        self._unloaded = _span(unloaded)
        self.code = low, high = _span((*self._modules, *unloaded))
        self.pointers = [(at, word) for at, word in enumerate(self.words) if low <= word < high]

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.end

    def index(self, address: int) -> int:
        """Index of the first word at or above `address`; may lie outside of `words`."""
        return -((self.start - address) // self.size)

    def word(self, address: int) -> int | None:
        """The word at `address`, or None where there is none."""
        at, rest = divmod(address - self.start, self.size)
        return self.words[at] if rest == 0 and 0 <= at < len(self.words) else None

    def run(self, address: int, count: int) -> tuple[int, ...]:
        """The `count` words from `address` (aligned) on, or nothing where some are not in the window."""
        at = self.index(address)
        return self.words[at : at + count] if 0 <= at <= len(self.words) - count else ()

    def pointers_in(self, low: int, high: int) -> list[tuple[int, int]]:
        """Those of `pointers` that lie at addresses from `low` on, below `high`."""
        first, last = self.index(low), self.index(high)
        return self.pointers[bisect_left(self.pointers, (first,)) : bisect_left(self.pointers, (last,))]

    def owner(self, address: int) -> Module | UnloadedModule | None:
        """The loaded module that holds `address`, else the unloaded one."""
        module = self._modules.at(address)
        if module is not None or not self._unloaded[0] <= address < self._unloaded[1]:
            return module
        return self._unloaded_at(address)

    def holds_code(self, address: int) -> bool:
        """Whether `address` lies in a module, loaded or unloaded, where there can be code."""
        return self.code_owner(address) is not None

    def code_owner(self, address: int) -> Module | UnloadedModule | None:
        """The `owner` of `address`, unless it lies in the headers there or in the kernel's data."""
        owner = self.owner(address)
        if owner is None or address < owner.base + HEADER_PAGE or self._data.at(address):
            return None
        return owner


def _span(pieces: Collection[Module | UnloadedModule]) -> tuple[int, int]:
    starts, ends = [piece.base for piece in pieces], [piece.end for piece in pieces]
    return min(starts, default=0), max(ends, default=0)
