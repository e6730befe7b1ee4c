from __future__ import annotations

import pickle
from collections.abc import Iterator
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import MemoryUnavailable
from smalldump.memory import AddressSpace, BytesSpace
from smalldump.memory.paging import MOST_READ, PageState, PagingKind, Translation, VirtualSpace
from tests.synth.page_tables import MODES, PAGE, PageTables

ALL = pytest.mark.parametrize("name", list(MODES))
FRAMES = 24
"""Pages of data that the properties map; frames behind them lie beyond physical memory."""
STATES = ("page", "large", "transition", "prototype", "prototype", "paged out", "beyond", "under a transition")


def space(tables: PageTables, root: int | None = None) -> VirtualSpace:
    memory = BytesSpace({address: bytes(page) for address, page in tables.memory.items()})
    return VirtualSpace(memory, Translation(PagingKind[tables.name], tables.root if root is None else root))


class Counting(AddressSpace):
    """Memory that counts what is read of it."""

    def __init__(self, tables: PageTables) -> None:
        self.inner = BytesSpace({address: bytes(page) for address, page in tables.memory.items()})
        self.reads = 0

    def read_some(self, address: int, size: int) -> bytes:
        self.reads += 1
        return self.inner.read_some(address, size)

    def next_readable(self, start: int, end: int) -> int | None:
        self.reads += 1
        return self.inner.next_readable(start, end)


class Machine:
    """Virtual memory around a few places, by the builder's tables and by a plain dict of pages."""

    def __init__(self, name: str, wishes: list[tuple[int, int, str]]) -> None:
        self.tables, self.flat = PageTables(name), dict[int, int]()
        self.mode, self.taken = self.tables.mode, set[int]()
        for frame in range(FRAMES):
            self.tables.fill(frame * PAGE, bytes([frame]) * 8 + bytes(range(200)))
        for place, frame, state in wishes:
            self._grant(self.address(place), frame * PAGE, state)
        self.space = space(self.tables)

    def address(self, place: int) -> int:
        """One of 64 pages: 16 each at the bottom, below and above the border of the halves, and at the top."""
        starts = (0, self.mode.low - 16 * PAGE, self.mode.high, self.mode.end - 16 * PAGE)
        return starts[place // 16] + place % 16 * PAGE

    def _grant(self, virtual: int, physical: int, state: str) -> None:
        large = next(size for size in sorted(self.mode.sizes) if size > PAGE)
        reach = large if state in {"large", "under a transition"} else PAGE
        pages = set(range(virtual & -reach, (virtual & -reach) + reach, PAGE))
        region = set(range(virtual & -large, (virtual & -large) + large, PAGE))
        # What is under a large page or a transition has its own table; the first who comes has the place.
        if (region if reach > PAGE else pages) & self.taken:
            return
        self.taken |= pages
        if state == "large":
            self.tables.map(virtual & -large, 0, large)
            self.flat.update((page, page - (virtual & -large)) for page in pages)
        elif state == "transition":
            self.tables.map_transition(virtual, physical)
        elif state == "prototype":
            self.tables.map_prototype(virtual, transition=bool(physical & PAGE))
        elif state == "paged out":
            self.tables.map_paged_out(virtual)
        else:
            physical += FRAMES * 2 * PAGE if state == "beyond" else 0
            self.tables.map(virtual, physical, tables_in_transition=state == "under a transition")
        if state in {"page", "transition", "beyond", "under a transition"}:
            self.flat[virtual] = physical

    def read(self, address: int, size: int) -> bytes:
        """What a reader should get, byte by byte."""
        got = bytearray()
        while len(got) < size and (byte := self.byte(address + len(got))) is not None:
            got.append(byte)
        return bytes(got)

    def byte(self, address: int) -> int | None:
        physical = self.flat.get(address & ~0xFFF)
        page = None if physical is None else self.tables.memory.get(physical)
        return None if page is None else page[address & 0xFFF]


WISHES = st.lists(st.tuples(st.integers(0, 63), st.integers(0, FRAMES - 1), st.sampled_from(STATES)), max_size=40)


@ALL
@given(WISHES, st.lists(st.tuples(st.integers(0, 63), st.integers(0, 0xFFF), st.integers(0, 0x3000)), max_size=5))
def test_reading_agrees_with_a_plain_dict_of_pages(
    name: str, wishes: list[tuple[int, int, str]], reads: list[tuple[int, int, int]]
) -> None:
    machine = Machine(name, wishes)
    for place, offset, size in reads:
        address = machine.address(place) + offset
        assert machine.space.read_some(address, size) == machine.read(address, size)
        assert (address in machine.space) == (machine.byte(address) is not None)


@ALL
@given(WISHES)
def test_translation_agrees_with_a_plain_dict_of_pages(name: str, wishes: list[tuple[int, int, str]]) -> None:
    machine = Machine(name, wishes)
    for address in map(machine.address, range(64)):
        mapping = machine.space.lookup(address + 0x123)
        assert mapping.start <= address < mapping.end
        expected = machine.flat.get(address)
        if expected is None:
            with pytest.raises(MemoryUnavailable):
                machine.space.translate(address + 0x123)
        else:
            assert machine.space.translate(address + 0x123) == expected + 0x123


@ALL
@given(WISHES, st.integers(0, 63), st.integers(0, 63), st.integers(0, 0xFFF))
def test_the_next_readable_byte_is_the_first_of_the_dict(
    name: str, wishes: list[tuple[int, int, str]], first: int, last: int, offset: int
) -> None:
    machine = Machine(name, wishes)
    start, end = machine.address(first) + offset, machine.address(last) + offset
    here = (max(page, start) for page in sorted(machine.flat) if page + PAGE > start and machine.byte(page) is not None)
    expected = next((address for address in here if address < end), None)
    assert machine.space.next_readable(start, end) == expected


@ALL
@given(WISHES, st.integers(0, 63), st.integers(0, 63), st.integers(0, 0xFFF))
def test_mappings_of_a_range_are_those_that_touch_it(
    name: str, wishes: list[tuple[int, int, str]], first: int, last: int, offset: int
) -> None:
    machine = Machine(name, wishes)
    start, end = machine.address(first) + offset, machine.address(last) + offset
    everything = machine.space.mappings(0, machine.mode.end)
    touching = [each for each in everything if start < end and each.end > start and each.start < end]
    assert list(machine.space.mappings(start, end)) == touching


def test_a_table_of_which_a_part_is_empty_is_looked_at_again() -> None:
    tables = PageTables("X64")
    tables.map(0x5000, 0x7000)
    tables.fill(0x7000, b"here")
    seen = space(tables)
    assert seen.next_readable(0x6000, 0x9000) is None
    assert seen.next_readable(0, 0x9000) == 0x5000


@ALL
@given(WISHES)
def test_mappings_list_every_page_that_is_here_once(name: str, wishes: list[tuple[int, int, str]]) -> None:
    machine = Machine(name, wishes)
    mappings = list(machine.space.mappings(0, machine.mode.end))
    pages = [page for mapping in mappings for page in range(mapping.start, mapping.end, PAGE)]
    assert {page for page in pages if machine.byte(page) is not None} == {
        page for page in machine.flat if machine.byte(page) is not None
    }
    assert pages == sorted(set(pages))
    assert all(machine.space.lookup(mapping.start) == mapping for mapping in mappings)


@ALL
def test_each_size_of_page_is_read_at_its_physical_address(name: str) -> None:
    for size, physical in [(size, 0x1_4000_0000 % MODES[name].most) for size in MODES[name].sizes]:
        tables = PageTables(name)
        virtual = MODES[name].high + 0x40000000
        at = tables.map(virtual, physical, size)
        tables.fill(physical + size - PAGE, b"the last page")
        machine = space(tables)
        mapping = machine.lookup(virtual + size // 2)
        assert mapping == (virtual, size, PageState.VALID, physical, tables.get(at), at)
        assert machine.read(virtual + size - PAGE, 13) == b"the last page"
        assert machine.next_readable(0, MODES[name].end) == virtual + size - PAGE


def test_a_4_mib_page_may_lie_above_4_gib() -> None:
    tables = PageTables("X86")
    tables.map(0x80400000, 0xAB_C0000000, 0x400000)
    assert space(tables).translate(0x80412345) == 0xAB_C0012345


@ALL
def test_flags_around_the_root_do_not_matter(name: str) -> None:
    tables = PageTables(name)
    tables.map(0x1000, 0x5000)
    flags = {"X86": 0x18, "PAE": 0x18, "ARM64": 0x1234 << 48 | 1}.get(name, 0x8000000000000002)
    assert space(tables, tables.root | flags).translate(0x1FFF) == 0x5FFF


def test_the_root_of_pae_is_a_part_of_a_page() -> None:
    tables = PageTables("PAE")
    tables.map(0xC0001000, 0x5000)
    inner = tables.table()
    tables.memory[inner][0xFE0:] = tables.memory[tables.root][:0x20]
    assert space(tables, inner + 0xFE0).translate(0xC0001000) == 0x5000


@pytest.mark.parametrize(("name", "slot", "bits"), [("X64", 0x1ED, 48), ("LA57", 0x1ED, 57)])
def test_a_root_that_names_itself_shows_the_tables(name: str, slot: int, bits: int) -> None:
    tables = PageTables(name)
    tables.put(tables.root + slot * 8, tables.root | 0x63)
    virtual = MODES[name].high + 0x12345000
    at = tables.map(virtual, 0x7000)
    top = 2**64 - 2**bits
    pte_base = top + (slot << bits - 9)
    seen = space(tables)
    assert seen.translate(pte_base + (virtual % 2**bits >> 12) * 8) == at
    assert seen.word(pte_base + (virtual % 2**bits >> 12) * 8, 8) == tables.get(at)


@ALL
def test_why_memory_is_not_there_is_said(name: str) -> None:
    tables, high = PageTables(name), MODES[name].high
    tables.map(high, 0x5000)
    tables.fill(0x5000, b"here")
    tables.map(high + 0x1000, 0x9000)
    tables.map_prototype(high + 0x2000)
    tables.map_paged_out(high + 0x3000)
    root = {"X86": 0x300, "PAE": 3}.get(name, 0x1FF)
    tables.put(tables.root + root * MODES[name].entry, 0x77777000 | 3 if name != "PAE" else 0x77777001)
    seen = space(tables)
    causes = {
        high + 0x1000: "its page at physical address 0x9000 is not in the dump",
        high + 0x2000: "shared, and behind a prototype entry",
        high + 0x3000: "paged out, or never touched",
        high + 0x4000: "not mapped",
        MODES[name].end - 1: "a page table on the way to it is not in memory",
        MODES[name].end: "no address that this machine can use",
        -1: "no address that this machine can use",
    }
    if name == "X86":
        causes[0xC0000000] = causes.pop(0xFFFFFFFF)
    for address, cause in causes.items():
        with pytest.raises(MemoryUnavailable) as error:
            seen.read(address, 4)
        assert error.value.cause == cause
        assert cause in str(error.value)
    with pytest.raises(MemoryUnavailable, match="wanted 0x2000 bytes, got 0x1000") as error:
        seen.read(high, 0x2000)
    assert error.value.cause == causes[high + 0x1000]
    assert pickle.loads(pickle.dumps(error.value)).cause == error.value.cause


@pytest.mark.parametrize(
    ("name", "virtual", "tables_before", "entry"),
    [
        ("PAE", 0x40000000, 1, 0x6081),
        ("X64", 0x8000000000, 1, 0x6083),
        ("LA57", 0x8000000000, 2, 0x6083),
        ("LA57", 0x1000000000000, 1, 0x6083),
        ("ARM64", 0x8000000000, 1, 0x6001),
        ("ARM64", 0x8000000000, 4, 0x6001),
    ],
)
def test_entries_with_reserved_bits_map_nothing(name: str, virtual: int, tables_before: int, entry: int) -> None:
    tables = PageTables(name)
    tables.fill(0x6000, b"\x07\x70" * 8)
    tables.put(tables.entry_address(virtual, tables_before), entry)
    seen = space(tables)
    assert seen.lookup(virtual).state is PageState.MALFORMED
    assert seen.next_readable(0, MODES[name].end) is None


@pytest.mark.parametrize("name", ["X64", "LA57", "ARM64"])
def test_addresses_between_the_halves_are_none(name: str) -> None:
    tables = PageTables(name)
    tables.map(MODES[name].high, 0x5000)
    tables.fill(0x5000, b"here")
    seen = space(tables)
    assert seen.read_some(MODES[name].low, 4) == b""
    assert seen.lookup(MODES[name].high - 1).state is PageState.NO_ADDRESS
    assert seen.next_readable(MODES[name].low - 5, 2**64) == MODES[name].high


def woven(name: str, frame: int, flags: int) -> Counting:
    """Tables of a single page at each depth, whose entries all lead on to the next page and in the end to `frame`."""
    tables = PageTables(name)
    chain = [tables.root] + [tables.table() for _ in tables.mode.path[1:]] + [frame]
    for table, below in pairwise(chain):
        for index in range(PAGE // tables.mode.entry):
            last = below == frame
            tables.put(table + index * tables.mode.entry, below | (flags if last else (1 if name == "PAE" else 3)))
    return Counting(tables)


@ALL
@pytest.mark.parametrize("flags", [0x400, 0x403], ids=["a prototype", "a page beyond memory"])
def test_tables_that_all_lead_nowhere_are_walked_over_once(name: str, flags: int) -> None:
    memory = woven(name, 0x77777000, flags)
    seen = VirtualSpace(memory, Translation(PagingKind[name], 0x100000))
    assert seen.next_readable(0, 2**64) is None
    first = memory.reads
    assert first < 2000
    assert seen.next_readable(0x5000, 2**64) is None
    assert memory.reads < first + 2000


@ALL
def test_tables_that_loop_give_one_page_at_a_time_and_end_a_long_read(name: str) -> None:
    tables = PageTables(name)
    for index in range(PAGE // tables.mode.entry):
        tables.put(tables.root + index * tables.mode.entry, tables.root | (1 if name == "PAE" else 3))
    memory = Counting(tables)
    seen = VirtualSpace(memory, Translation(PagingKind[name], tables.root))
    assert [mapping.physical for mapping in islice(seen.mappings(0, 2**64), 1000)] == [tables.root] * 1000
    assert memory.reads < 2000
    assert len(seen.read_some(0, 0x10000)) == 0x10000


def test_one_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_READ == 1 << 28
    monkeypatch.setattr("smalldump.memory.paging.MOST_READ", 0x3000)
    tables = PageTables("X64")
    for page in range(8):
        tables.map(page * PAGE, 0x5000)
    tables.fill(0x5000, b"here")
    with pytest.raises(MemoryUnavailable, match="a read gives at most 0x3000 bytes") as error:
        space(tables).read(0, 2**62)
    assert len(error.value.got) == 0x3000


def test_neighbours_in_both_memories_are_read_at_once() -> None:
    tables = PageTables("X64")
    for page in range(64):
        tables.map(0x10000 + page * PAGE, 0x40000 + page * PAGE)
        tables.fill(0x40000 + page * PAGE, bytes([page]) * PAGE)
    memory = Counting(tables)
    seen = VirtualSpace(memory, Translation(PagingKind.X64, tables.root))
    seen.read(0x10000, 64 * PAGE)
    before = memory.reads
    assert seen.read(0x10800, 62 * PAGE)[:0x801] == b"\0" * 0x800 + b"\1"
    assert memory.reads == before + 1


def test_what_is_remembered_is_bounded() -> None:
    tables = PageTables("X64")
    seen = space(tables)
    for page in range(20_000):
        seen.lookup(page << 12)
    assert len(seen._pages) <= 1 << 13
    assert len(seen._tables) <= 1 << 13


ENTRIES = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.one_of(st.integers(0, 1023), st.sampled_from((0, 1, 2, 3, 511, 510, 509, 1023))),
        st.integers(0, 7),
        st.sampled_from((0x63, 0xE3, 0x01, 0x03, 0x800, 0x880, 0xC00, 0x400, 0x80, 0xFFF, 1 << 63 | 0x67, 0xFFF << 52)),
    ),
    max_size=60,
)


def _garbage(name: str, entries: list[tuple[int, int, int, int]]) -> VirtualSpace:
    tables = PageTables(name, first=0)
    for _ in range(5):
        tables.table()
    for table, index, frame, flags in entries:
        at = table * PAGE + index * tables.mode.entry % PAGE
        tables.put(at, (frame * PAGE | flags) % (1 << 8 * tables.mode.entry))
    return space(tables)


def _addresses(name: str, indices: list[int]) -> Iterator[int]:
    for start in (0, MODES[name].low - 0x10000, MODES[name].high, MODES[name].end - 0x10000):
        yield from (start + index * PAGE + 0xFF0 for index in indices)


@ALL
@given(ENTRIES, st.lists(st.integers(0, 40), max_size=6))
def test_no_table_is_trusted(name: str, entries: list[tuple[int, int, int, int]], indices: list[int]) -> None:
    seen = _garbage(name, entries)
    for address in _addresses(name, indices):
        data = seen.read_some(address, 0x2010)
        assert len(data) <= 0x2010
        assert bool(data) == (address in seen)
        found = seen.next_readable(address, MODES[name].end)
        assert found is None or (found >= address and found in seen)
        assert not data or found == address
    for mapping in islice(seen.mappings(0, MODES[name].end), 50):
        assert seen.lookup(mapping.start) == mapping
