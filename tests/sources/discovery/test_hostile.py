"""Memory made to cost a search time, and memory that is merely broken: bounded work, and an answer each time."""

from __future__ import annotations

import random
import struct
import sys

import pytest

from smalldump.memory import AddressSpace, BytesSpace
from smalldump.model.absent import Absent
from smalldump.model.machine import X64
from smalldump.sources.discovery import Clues, ProcessorClue, discover
from smalldump.sources.discovery.encoded_block import keys_for
from smalldump.sources.discovery.root_scan import scanned_roots
from tests.synth.bare import BareMachine

PAGE = 0x1000
MUTATIONS = 60


class CountingSpace(AddressSpace):
    """Memory that counts how often it is asked, and for how much."""

    def __init__(self, memory: AddressSpace) -> None:
        self.memory, self.reads, self.bytes = memory, 0, 0

    def read_some(self, address: int, size: int) -> bytes:
        data = self.memory.read_some(address, size)
        self.reads, self.bytes = self.reads + 1, self.bytes + len(data)
        return data

    def next_readable(self, start: int, end: int) -> int | None:
        self.reads += 1
        return self.memory.next_readable(start, end)


def clues(machine: BareMachine) -> Clues:
    clue = ProcessorClue(0, machine.base, machine.kpcr, machine.root, 0, machine.kpcr, 0, machine.at["idt"])
    return Clues(None, None, machine.root, machine.at["kdbg"], machine.at["modules"], (clue,))


@pytest.mark.parametrize("known", [True, False], ids=["registers", "bare"])
@pytest.mark.parametrize("mode", ["X64", "LA57", "PAE", "X86"])
def test_broken_words(mode: str, known: bool) -> None:
    """Words of tables, lists and blocks become others that lie about, zeros, ones, and neighbours of what they were."""
    machine = BareMachine(mode, version_block=True, encoded=0 if mode in ("PAE", "X86") else 0x1234_5678_9ABC_DEF1)
    pages = machine.physical()
    words = sorted({word for page in pages.values() for (word,) in struct.iter_unpack("<Q", page)})
    rng = random.Random(mode)
    hints = clues(machine) if known else Clues()
    whole = 0
    for _ in range(MUTATIONS):
        broken = {address: bytearray(page) for address, page in pages.items()}
        for _ in range(rng.choice((1, 4, 64, 1024))):
            page = broken[rng.choice(list(broken))]
            at = rng.randrange(0, PAGE, 4)
            old = int.from_bytes(page[at : at + 8], "little")
            new = rng.choice((rng.choice(words), 0, (1 << 64) - 1, old ^ 1 << rng.randrange(64), rng.getrandbits(64)))
            page[at : at + 8] = new.to_bytes(8, "little")[: PAGE - at]
        memory = CountingSpace(BytesSpace({address: bytes(page[:PAGE]) for address, page in broken.items()}))
        found = discover(memory, hints)
        assert all(fact.how for fact in (found.translation, found.kernel_base, found.debugger_block, found.build))
        assert memory.reads < 500_000
        whole += found.whole
    assert whole > MUTATIONS // 10


def looping_tables() -> dict[int, bytes]:
    """A root whose every entry but one names itself, and whose first bytes are those of an image."""
    root = bytearray(struct.pack("<Q", 0x5A4D) * 512)  # `MZ`, valid, frame 0x5000
    struct.pack_into("<Q", root, 8 * 0x1EF, 0x6063)
    tables = {0x6000: 0x7063, 0x7000: 0x8063, 0x8000: 0x9063}  # down to KUSER_SHARED_DATA
    shared = bytearray(PAGE)
    shared[0x30:0x36] = "C:\\".encode("utf-16-le")
    struct.pack_into("<II", shared, 0x26C, 10, 0)
    pages = {at: struct.pack("<Q", entry).ljust(PAGE, b"\0") for at, entry in tables.items()}
    return {0x5000: bytes(root), **pages, 0x9000: bytes(shared)}


def test_tables_that_map_one_page_everywhere_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys.modules[discover.__module__], "_PAGES", 1 << 13
    )  # what is bounded by so much less is bounded
    monkeypatch.setattr(sys.modules[discover.__module__], "_ENCODED", 1 << 12)
    memory = CountingSpace(BytesSpace(looping_tables()))
    processors = tuple(
        ProcessorClue(number, pc=0xFFFFF80000000000 + (number << 30), cr3=0x5000, cr4=0xF8) for number in range(64)
    )
    found = discover(memory, Clues(X64, processors=processors))
    assert found.translation.value
    assert found.kernel_base.value is Absent.NOT_CAPTURED
    assert memory.reads < 200_000


def filled(machine: BareMachine, page: bytes) -> CountingSpace:
    """The machine with all of the kernel's variables, and 2 MiB behind them, overwritten."""
    for address in range(machine.base + 0x8000, machine.base + 0x200000, PAGE):
        machine.pages[address] = bytearray(page)
    return CountingSpace(BytesSpace(machine.physical()))


@pytest.mark.parametrize("header", [True, False], ids=["base known", "base unknown"])
@pytest.mark.parametrize("kind", ["tags", "blocks of another kernel", "keys", "list heads"])
def test_memory_full_of_what_is_looked_for(kind: str, header: bool) -> None:
    machine = BareMachine(header=header)
    key = next(iter(keys_for(machine.base)))
    other = struct.pack("<QQ4sIQ", 0, 0, b"KDBG", 0x360, machine.base + 0x10000000).ljust(0x50, b"\xff")
    page = {
        "tags": b"KDBG" * 1024,
        "blocks of another kernel": (other * 64)[:PAGE],
        "keys": struct.pack("<QQ", 0, key) * 256,
        "list heads": struct.pack("<QQQQ", 1, 1, 0, 0xFFFFF04B_00FFFF44) * 128,
    }[kind]
    memory = filled(machine, page)
    found = discover(memory)
    assert found.translation.value
    assert found.machine is X64
    assert not found.whole
    assert memory.reads < 2_000_000


def test_pages_that_all_claim_to_be_roots() -> None:
    count = 3000
    entry = struct.pack("<Q", 0x63)
    pages = {}
    for number in range(1, count):
        address = number * PAGE
        page = bytearray(PAGE)
        for at in (0x18, 0xC00, 0xF68):
            page[at : at + 8] = struct.pack("<Q", address | 0x63)
        page[0:8], page[8:16], page[16:24] = entry, struct.pack("<Q", 0x1063), struct.pack("<Q", 0x2063)
        page[0xF78:0xF80] = struct.pack("<Q", 0x1063)
        pages[address] = bytes(page)
    memory = CountingSpace(BytesSpace(pages))
    found = discover(memory)
    assert found.translation.value is Absent.NOT_CAPTURED
    assert memory.bytes < 8 * count * PAGE


def test_memory_that_a_file_shows_again_and_again_is_scanned_once() -> None:
    memory = CountingSpace(BytesSpace({0: bytes(b"\x01" * (8 << 20))}))
    assert list(scanned_roots(memory, stored=2 << 20)) == []
    assert memory.bytes == 2 << 20
