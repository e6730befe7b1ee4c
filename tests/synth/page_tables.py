"""Page tables in a made-up physical memory: a builder that shares nothing with the reader it tests.

Every bit below is written as the manuals number it: Intel SDM vol. 3A, figures 4-4 to 4-11; Arm ARM, D8.3; and for
entries that are not valid, Windows' MMPTE_SOFTWARE, MMPTE_TRANSITION and MMPTE_PROTOTYPE.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MODES", "Mode", "PageTables"]

PAGE = 0x1000


class Mode(NamedTuple):
    """A way of translating.

    Attributes:
        entry: Bytes per entry.
        path: From the root on: lowest bit of the index, and how many bits it has.
        sizes: Page size -> how many tables lie on the way to it.
        low: Usable addresses `[0, low)`.
        high: Usable addresses `[high, end)`.
        end: Behind the last address.
        most: Physical addresses that fit.
    """

    entry: int
    path: tuple[tuple[int, int], ...]
    sizes: dict[int, int]
    low: int
    high: int
    end: int
    most: int


MODES = {
    "X86": Mode(4, ((22, 10), (12, 10)), {0x1000: 2, 0x400000: 1}, 2**31, 2**31, 2**32, 2**32),
    "PAE": Mode(8, ((30, 2), (21, 9), (12, 9)), {0x1000: 3, 0x200000: 2}, 2**31, 2**31, 2**32, 2**52),
    "X64": Mode(
        8,
        ((39, 9), (30, 9), (21, 9), (12, 9)),
        {0x1000: 4, 0x200000: 3, 0x40000000: 2},
        0x0000800000000000,
        0xFFFF800000000000,
        2**64,
        2**52,
    ),
    "LA57": Mode(
        8,
        ((48, 9), (39, 9), (30, 9), (21, 9), (12, 9)),
        {0x1000: 5, 0x200000: 4, 0x40000000: 3},
        0x0100000000000000,
        0xFF00000000000000,
        2**64,
        2**52,
    ),
    "ARM64": Mode(
        8,
        ((39, 9), (30, 9), (21, 9), (12, 9)),
        {0x1000: 4, 0x200000: 3, 0x40000000: 2},
        0x0000800000000000,
        0xFFFF800000000000,
        2**64,
        2**48,
    ),
}


class PageTables:
    """Tables that grow as pages are mapped; `memory` holds them, from `first` on, with the pages that were filled."""

    def __init__(self, name: str, first: int = 0x100000) -> None:
        self.name, self.mode = name, MODES[name]
        self.memory: dict[int, bytearray] = {}
        self._free = first
        self.root = self.table()

    def table(self) -> int:
        """A new, empty table."""
        self._free += PAGE
        self.memory[self._free - PAGE] = bytearray(PAGE)
        return self._free - PAGE

    def fill(self, physical: int, data: bytes) -> None:
        """Put a page of data into physical memory."""
        self.memory[physical] = bytearray(data.ljust(PAGE, b"\0"))

    def entry_address(self, virtual: int, tables: int | None = None, *, transition: bool = False) -> int:
        """Physical address of the entry for `virtual` in the last of `tables` tables, which are made if need be."""
        path = self.mode.path[:tables]
        table = self.root
        for depth, (bit, count) in enumerate(path):
            at = table + (virtual >> bit) % (1 << count) * self.mode.entry
            if depth == len(path) - 1:
                return at
            table = self._next_table(at, depth, transition=transition)
        raise AssertionError("no tables")

    def _next_table(self, at: int, depth: int, *, transition: bool) -> int:
        if not self.get(at):
            above = self.table()
            self.put(at, above | (0x8E0 if transition and depth else self._table_bits(depth)))
        return self.get(at) & 0x000FFFFFFFFFF000

    def _table_bits(self, depth: int) -> int:
        if self.name == "ARM64":
            return 0b11 | 1 << 10  # table, accessed
        if self.name == "PAE" and depth == 0:
            return 0b1  # all else is reserved there
        return 1 << 0 | 1 << 1 | 1 << 5 | 1 << 6  # present, writable, accessed, dirty

    def put(self, at: int, value: int) -> None:
        """Write an entry at a physical address."""
        page = self.memory[at & ~0xFFF]
        page[at % PAGE : at % PAGE + self.mode.entry] = value.to_bytes(self.mode.entry, "little")

    def get(self, at: int) -> int:
        """The entry at a physical address."""
        page = self.memory[at & ~0xFFF]
        return int.from_bytes(page[at % PAGE : at % PAGE + self.mode.entry], "little")

    def map(
        self, virtual: int, physical: int, size: int = PAGE, *, tables_in_transition: bool = False, pat: bool = True
    ) -> int:
        """Map a page, on x86 and x64 with the PAT flag or without; returns the physical address of its entry."""
        at = self.entry_address(virtual, self.mode.sizes[size], transition=tables_in_transition)
        if self.name == "ARM64":
            value = physical | (0b11 if size == PAGE else 0b01) | 1 << 10 | 1 << 54
        elif size == 0x400000:
            value = physical & 0xFFC00000 | (physical >> 32) << 13 | 0b11100011
        elif size > PAGE:
            value = physical | 0b11100011 | pat << 12  # not a bit of the address
        else:
            value = physical | 0b01100011 | pat << 7  # where larger pages have their size
        no_execute = 1 << 63 if self.name in {"X64", "LA57"} else 0
        self.put(at, value | no_execute)
        return at

    def map_transition(self, virtual: int, physical: int) -> None:
        """A page taken from its owner and still in memory: MMPTE_TRANSITION with Transition, not Prototype.

        On x64 every other page has bit 45 set and SwizzleBit clear, the rest the reverse.
        """
        swizzled = 0
        if self.name in {"X64", "LA57"}:
            swizzled = 1 << 45 if physical & PAGE else 1 << 4
        self.put(self.entry_address(virtual), physical | swizzled | 1 << 11 | 4 << 5)

    def map_prototype(self, virtual: int, transition: bool = False) -> None:
        """A shared page: MMPTE_PROTOTYPE; bit 11 means something else there."""
        self.put(self.entry_address(virtual), 0x89ABC000 | 1 << 10 | transition << 11)

    def map_paged_out(self, virtual: int) -> None:
        """A page in the page file: MMPTE_SOFTWARE, protection 4, page file 1 (bits 1 to 4 or 12 to 15)."""
        high = 0x12345 << 12 if self.mode.entry == 4 else 0x12345 << 32
        self.put(self.entry_address(virtual), high | 4 << 5 | 1 << 1)
