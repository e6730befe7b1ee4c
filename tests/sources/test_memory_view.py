"""The one memory: which piece serves an address, and where the saved KPRCB lay."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from smalldump.memory import Overlay
from smalldump.model import Absent, DataBlock, Structure
from smalldump.model.machine import X64, X86
from smalldump.sources.memory_view import data_blocks, memory_view, prcb_address
from smalldump.sources.triage_file import TriageFile
from tests.sources.reading import known, read
from tests.synth import Block, Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump

PRCB = 0xFFFFD38112340180


def overlay(dump: Dump) -> Overlay:
    memory = read(dump).memory
    assert isinstance(memory, Overlay)
    return memory


def origin(dump: Dump, address: int) -> str | None:
    segment = overlay(dump).origin(address)
    return segment.origin if segment else None


@pytest.mark.parametrize(
    "dump", [x64_dump(), kernel_written_dump(), x86_dump(), arm64_dump()], ids=["x64", "kernel", "x86", "ARM64"]
)
def test_every_piece_is_at_its_address(dump: Dump) -> None:
    memory, facts = overlay(dump), dump.facts
    assert memory.read(facts.thread.address, 0x100) == dump.read("ETHREAD", 0x100)
    assert memory.read(facts.process.address, 0x100) == dump.read("EPROCESS", 0x100)
    assert memory.read(facts.stack.low, len(facts.stack.data)) == bytes(facts.stack.data)
    for start, end, segment in memory.pieces():
        assert segment.offset is not None
        at = segment.offset + start - segment.address
        assert memory.read(start, end - start) == dump.bytes[at : at + end - start]


def test_data_blocks_in_file_order() -> None:
    dump = x64_dump()
    machine = read(dump)
    assert [(block.address, bytes(machine.file.view(block.offset, block.size))) for block in machine.data_blocks] == [
        (block.address, block.data) for block in dump.facts.all_blocks()
    ]


def test_addresses_of_32_bit_blocks_are_32_bits_wide() -> None:
    dump = x86_dump()
    table = dump.offset("blocks")
    assert dump.bytes[table + 4 : table + 8] == b"\xff" * 4
    assert all(block.address < 1 << 32 for block in read(dump).data_blocks)


def test_blocks_that_the_file_does_not_hold() -> None:
    dump = x64_dump()
    count = len(dump.facts.all_blocks())
    assert len(read(dump.patch("blocks[0].Size", 0)).data_blocks) == count - 1
    assert len(read(dump.patch("blocks[0].Offset", 0xFFFFFF00)).data_blocks) == count - 1
    cut = read(dump.patch("blocks[0].Size", 0xFFFFFFFF)).data_blocks[0]
    assert cut.offset + cut.size == len(dump)
    assert len(read(dump.patch("TRIAGE_DUMP.DataBlocksCount", 0xFFFFFFFF)).data_blocks) <= len(dump) // 16


def test_precedence() -> None:
    """Structures, then stack, then data page, then blocks: the earlier one."""
    stack = x64_dump().facts.stack.low
    thread = x64_dump().facts.thread.address
    own = 0xFFFF900000001000
    blocks = [Block(stack, b"S" * 16), Block(thread, b"T" * 16), Block(own, b"1" * 16), Block(own + 8, b"2" * 16)]
    dump = x64_dump(blocks=blocks, data_page=Block(own + 12, b"P" * 8))
    memory = overlay(dump)
    assert memory.read(own, 24) == b"1" * 12 + b"P" * 8 + b"2" * 4
    assert (origin(dump, stack), origin(dump, thread)) == ("call stack", "ETHREAD")
    assert (origin(dump, own), origin(dump, own + 12)) == ("data block", "data page")
    assert origin(dump, 0x1000) is None


def test_debugger_data_of_32_bits_comes_last() -> None:
    """dbgeng rewrites it there, so a block over it is the memory as it was; on 64 bits they agree."""
    for make, wins in ((x86_dump, "data block"), (x64_dump, "KDDEBUGGER_DATA64")):
        address = make().facts.kdbg_at
        dump = make(blocks=[Block(address, b"MEMORY")])
        assert origin(dump, address) == wins
        assert origin(dump, address + 0x20) == "KDDEBUGGER_DATA64"


def test_data_page() -> None:
    dump = x86_dump()
    page = known(read(dump).data_page)
    assert dump.facts.data_page is not None
    assert (page.address, page.size) == (dump.facts.data_page.address, len(dump.facts.data_page.data))
    assert overlay(dump).read(page.address, page.size) == dump.facts.data_page.data
    assert read(x64_dump()).data_page is Absent.NOT_CAPTURED


def test_structures_without_an_address_are_in_no_memory() -> None:
    file = TriageFile(memoryview(win2000_dump().bytes))
    structures = {"EPROCESS": Structure("EPROCESS", memoryview(b"x" * 8), Absent.UNSUPPORTED)}
    assert list(memory_view(file, X86, Absent.NOT_CAPTURED, structures, ()).pieces()) == []


# Where the KPRCB lay


def prcb_of(dump: Dump) -> int | Absent:
    return known(read(dump).processor).address


def test_prcb_by_the_array_of_processors() -> None:
    assert prcb_of(x64_dump()) == PRCB


def test_prcb_of_a_processor_beyond_255() -> None:
    """The number has 32 bits since Windows 7: its low byte alone would lead to another processor."""
    facts = x64_dump().facts
    where = facts.kernel_variables["KiProcessorBlock"]
    pointers = b"".join((0xFFFFD38000000000 + 0x10000 * number).to_bytes(8, "little") for number in range(301))
    far = replace(facts.processor, number=300)
    assert prcb_of(x64_dump(processor=far, standard_blocks=False, blocks=[Block(where, pointers)])) == (
        0xFFFFD38000000000 + 0x10000 * 300
    )


def test_prcb_by_an_equal_block() -> None:
    dump = x64_dump(variables={"KiProcessorBlock": 0})
    assert prcb_of(dump) == PRCB


def test_prcb_by_an_equal_block_among_many_of_its_size() -> None:
    """A hostile file can have thousands of nearly equal blocks: each file offset is looked at once, and only some."""
    dump = x64_dump(variables={"KiProcessorBlock": 0}, standard_blocks=False)
    file, body = read(dump).file, known(read(dump).file.section("KPRCB"))
    place, other = file.sections["KPRCB"].offset, file.sections["EPROCESS"].offset
    far = [DataBlock(PRCB + 0x100000 + index, len(body), other) for index in range(5000)]
    equal = DataBlock(PRCB, len(body), place)
    zeros = memoryview(bytes(16))
    assert prcb_address(file, X64, [*far, equal], body, None) == PRCB
    scattered = [DataBlock(PRCB + 0x100000, 16, 0x100 + index) for index in range(100)]
    assert prcb_address(file, X64, [*scattered, DataBlock(PRCB, 16, place)], zeros, None) is Absent.NOT_CAPTURED


def test_prcb_by_the_vote_of_its_empty_lists() -> None:
    assert prcb_of(x64_dump(standard_blocks=False)) == PRCB


def vote(words: list[int], bits: int = 64) -> int | Absent:
    file = TriageFile(memoryview((x64_dump if bits == 64 else x86_dump)(standard_blocks=False).bytes))
    raw = memoryview(struct.pack(f"<{len(words)}{'Q' if bits == 64 else 'I'}", *words))
    return prcb_address(file, X64 if bits == 64 else X86, (), raw, None)


def heads(base: int, count: int, *, start: int = 0, size: int = 8) -> list[int]:
    """Empty list heads of a structure at `base`, from its byte `start` on: each points to itself."""
    words = []
    for index in range(count):
        words += [base + start + 2 * size * index] * 2
    return words


def test_votes() -> None:
    assert vote(heads(PRCB, 16)) == PRCB
    assert vote(heads(PRCB, 15)) is Absent.NOT_CAPTURED
    assert vote([]) is Absent.NOT_CAPTURED
    assert vote(heads(0x80001000, 40, size=4), 32) == 0x80001000


def test_a_close_vote_decides_nothing() -> None:
    first = heads(PRCB, 40)
    rivals = heads(PRCB + 0x5000, 21, start=8 * len(first))
    assert vote(first + rivals) is Absent.NOT_CAPTURED
    assert vote(first + heads(PRCB + 0x5000, 20, start=8 * len(first))) == PRCB


def test_user_addresses_have_no_vote() -> None:
    assert vote(heads(0x7FF6A1B41000, 100)) is Absent.NOT_CAPTURED
    assert vote([0] * 200) is Absent.NOT_CAPTURED


def test_an_array_entry_that_is_no_kernel_address_is_passed_over() -> None:
    dump = x64_dump(standard_blocks=False)
    where = dump.facts.kernel_variables["KiProcessorBlock"]
    broken = x64_dump(standard_blocks=False, blocks=[Block(where, bytes(8 * 12))])
    assert prcb_of(broken) == PRCB


def test_half_an_array_entry_is_none() -> None:
    file = TriageFile(memoryview(x64_dump().bytes))
    blocks = data_blocks(file, X64)
    array = file.debugger_words["ki_processor_block"]
    cut = [DataBlock(array, 4, next(b.offset for b in blocks if b.address == array))]
    assert prcb_address(file, X64, cut, memoryview(bytes(16)), 0) is Absent.NOT_CAPTURED
