"""Virtual memory: what page tables in physical memory make of it.

No entry is trusted. A lookup takes one step per level whatever the tables hold, so loops and tables that name
themselves end; addresses beyond physical memory are holes like all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack
from typing import NamedTuple

from smalldump.errors import MemoryUnavailable
from smalldump.memory.page_tables import Level, PageState, PagingKind, Translation
from smalldump.memory.spaces import AddressSpace

__all__ = ["MOST_READ", "Mapping", "PageState", "PagingKind", "Translation", "VirtualSpace"]

MOST_READ = 1 << 28
"""Bytes that one read gives at most: tables that loop can map one page everywhere."""

_MOST_REMEMBERED = 1 << 13
_MOST_BARREN = 1 << 15


class Mapping(NamedTuple):
    """What one entry of the page tables says about a range of addresses.

    Attributes:
        start: First address of the range.
        size: Its bytes: a page, a large page, or a hole as large as the entry's reach.
        state: Whether it is mapped, and if not, why.
        physical: Physical address of `start` if `state` is resident, else 0.
        entry: The entry that decided, 0 if there is none.
        entry_address: Its physical address, or None.
    """

    start: int
    size: int
    state: PageState
    physical: int = 0
    entry: int = 0
    entry_address: int | None = None

    @property
    def end(self) -> int:
        """Address behind the range."""
        return self.start + self.size


class _Entry(NamedTuple):
    address: int  # the first that it serves
    value: int
    at: int  # its own physical address


class VirtualSpace(AddressSpace):
    """Virtual memory as `translation` sees it; `physical` is an address space of physical addresses.

    Addresses of 32-bit machines have 32 bits here. Pages in transition can be read like valid ones.
    A read gives at most `MOST_READ` bytes.
    """

    def __init__(self, physical: AddressSpace, translation: Translation) -> None:
        self._physical, self.translation = physical, translation
        self._scheme = translation.kind.scheme
        self._pages: dict[int, Mapping] = {}
        self._tables: dict[int, int] = {}
        self._barren: set[tuple[int, int]] = set()

    def lookup(self, address: int) -> Mapping:
        """What the page tables say about `address`, and about its neighbours up to the entry's reach."""
        page = address >> 12
        found = self._pages.get(page)
        if found is None:
            if len(self._pages) >= _MOST_REMEMBERED:
                self._pages.clear()
            found = self._pages[page] = self._walk(address)
        return found

    def translate(self, address: int) -> int:
        """The physical address of `address`; it may lie beyond physical memory.

        Raises:
            MemoryUnavailable: It has none; `.cause` says why.
        """
        mapping = self.lookup(address)
        if not mapping.state.resident:
            raise MemoryUnavailable(address, 1, cause=mapping.state.value)
        return mapping.physical + address - mapping.start

    def read(self, address: int, size: int) -> bytes:
        """Read `size` bytes starting at `address`; they may cross pages.

        Raises:
            MemoryUnavailable: Some byte is not there; `.got` holds those before it, `.cause` says why.
        """
        data = self.read_some(address, size)
        if len(data) < size:
            raise MemoryUnavailable(address, size, data, self._cause(address + len(data), len(data)))
        return data

    def read_some(self, address: int, size: int) -> bytes:
        size = min(size, MOST_READ)
        if size <= 0:
            return b""
        mapping = self.lookup(address)
        if address + size <= mapping.end:
            if not mapping.state.resident:
                return b""
            return self._physical.read_some(mapping.physical + address - mapping.start, size)
        return b"".join(self._chunks(address, address + size))

    def next_readable(self, start: int, end: int) -> int | None:
        """The first address in `[start, end)` that can be read, or None.

        Whole tables of holes are stepped over, each only once. The search gives up after 32,768 tables without a
        page: no real machine has so many, and made-up ones would keep it busy for ever.
        """
        for mapping in self.mappings(start, end):
            first = max(start, mapping.start)
            found = self._physical.next_readable(
                mapping.physical + first - mapping.start, mapping.physical + min(end, mapping.end) - mapping.start
            )
            if found is not None:
                return mapping.start + found - mapping.physical
        return None

    def __contains__(self, address: int) -> bool:
        mapping = self.lookup(address)
        return mapping.state.resident and mapping.physical + address - mapping.start in self._physical

    def mappings(self, start: int, end: int) -> Iterator[Mapping]:
        """The pages that touch `[start, end)` and of which physical memory holds at least a part, ascending.

        Tables that loop map the same page again and again: whoever walks over a large range sets a limit.
        It gives up where `next_readable` does.
        """
        for half_start, half_end, base in self._scheme.halves():
            first, last = max(start, half_start), min(end, half_end)
            if first < last:
                yield from self._mapped(self.translation.table, 0, base, first, last)

    def _walk(self, address: int) -> Mapping:
        scheme = self._scheme
        if not scheme.usable(address):
            return Mapping(address & ~0xFFF, 0x1000, PageState.NO_ADDRESS)
        depth, table = self._nearest_table(address)
        while True:
            level = scheme.levels[depth]
            at = table + (address >> level.shift & level.mask) * scheme.width
            entry = self._physical.word(at, scheme.width)
            size = 1 << level.shift
            if entry is None:
                return Mapping(address & -size, size, PageState.NO_TABLE)
            state = level.state(entry)
            if state is not None:
                physical = scheme.page_address(level, entry) if state.resident else 0
                return Mapping(address & -size, size, state, physical, entry, at)
            table, depth = scheme.table_address(entry), depth + 1
            if depth == len(scheme.levels) - 1:
                self._remember_table(address, table)

    def _nearest_table(self, address: int) -> tuple[int, int]:
        # Depth and physical address of the lowest table that is known to lie on the way.
        table = self._tables.get(address >> self._scheme.levels[-2].shift)
        return (0, self.translation.table) if table is None else (len(self._scheme.levels) - 1, table)

    def _remember_table(self, address: int, table: int) -> None:
        if len(self._tables) >= _MOST_REMEMBERED:
            self._tables.clear()
        self._tables[address >> self._scheme.levels[-2].shift] = table

    def _chunks(self, address: int, end: int) -> Iterator[bytes]:
        for physical, size in self._runs(address, end):
            data = self._physical.read_some(physical, size)
            yield data
            if len(data) < size:
                return

    def _runs(self, address: int, end: int) -> Iterator[tuple[int, int]]:
        # Physical ranges behind [address, end) up to the first hole; neighbours in both memories are one range.
        start = size = 0
        while address < end and (mapping := self.lookup(address)).state.resident:
            physical, piece = mapping.physical + address - mapping.start, min(end, mapping.end) - address
            if physical == start + size:
                size += piece
            else:
                if size:
                    yield start, size
                start, size = physical, piece
            address += piece
        if size:
            yield start, size

    def _mapped(self, table: int, depth: int, base: int, start: int, end: int) -> Iterator[Mapping]:
        # The pages below one table whose first entry serves `base`. Tables without any are remembered: a few tables
        # that name one another would otherwise be walked over once for each of the ways through them.
        level, known = self._scheme.levels[depth], (depth, table)
        if known in self._barren or len(self._barren) >= _MOST_BARREN:
            return
        barren = start <= base and base + (level.mask + 1 << level.shift) <= end
        for entry in self._entries(table, level, base, start, end):
            for mapping in self._behind(entry, depth, start, end):
                barren = False
                yield mapping
        if barren:
            self._barren.add(known)

    def _behind(self, entry: _Entry, depth: int, start: int, end: int) -> Iterator[Mapping]:
        level, (address, value, at) = self._scheme.levels[depth], entry
        state, size = level.state(value), 1 << level.shift
        if state is None:
            table = self._scheme.table_address(value)
            yield from self._mapped(table, depth + 1, address, max(start, address), min(end, address + size))
        elif state.resident:
            physical = self._scheme.page_address(level, value)
            if self._physical.next_readable(physical, physical + size) is not None:
                yield Mapping(address, size, state, physical, value, at)

    def _entries(self, table: int, level: Level, base: int, start: int, end: int) -> Iterator[_Entry]:
        # Those that are not 0 and serve a part of [start, end).
        width = self._scheme.width
        first, last = start - base >> level.shift, end - 1 - base >> level.shift
        data = self._physical.read_some(table + first * width, (last + 1 - first) * width)
        count = len(data) // width
        values = unpack(f"<{count}{'Q' if width == 8 else 'I'}", data[: count * width])
        for index, value in enumerate(values, first):
            if value:
                yield _Entry(base + (index << level.shift), value, table + index * width)

    def _cause(self, address: int, got: int) -> str:
        if got >= MOST_READ:
            return f"a read gives at most {MOST_READ:#x} bytes"
        state = self.lookup(address).state
        if not state.resident:
            return state.value
        return f"its page at physical address {self.translate(address) & ~0xFFF:#x} is not in the dump"
