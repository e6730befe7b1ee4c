"""Posted machines: each fact of a post lies in the dump where it belongs."""

from __future__ import annotations

from tests.synth.dump import Dump
from tests.synth.posted import Line, Posted, posted_dump

NT, DRIVER, LOW = 0xFFFFF80010000000, 0xFFFFF80020000000, 0xFFFFA00000001000
LINES = (
    Line(LOW - 8, NT + 0x10069, "nt!KeBugCheckEx"),
    Line(LOW, NT + 0x20042, "nt!KiBugCheckDispatch+0x69"),
    Line(LOW + 0x140, DRIVER + 0x83A7, "nt!KiPageFault+0x42b", trap=True),
    Line(LOW + 0x2D0, NT + 0x30055, "culprit+0x83a7"),
    Line(LOW + 0x300, 0, "nt!IofCallDriver+0x55"),
)
POST = Posted((0xD1, 0x28, 2, 0, DRIVER + 0x83A7), LINES)


def word(dump: Dump, address: int) -> int:
    at = dump.offset("stack") + address - dump.number("TRIAGE_DUMP.TopOfStack")
    return int.from_bytes(dump.read(at, 8), "little")


def test_return_addresses_lie_below_the_next_line() -> None:
    dump = posted_dump(POST)
    assert dump.number("TRIAGE_DUMP.TopOfStack") == LOW - 8
    assert word(dump, LOW - 8) == NT + 0x10069
    assert word(dump, LOW + 0x138) == NT + 0x20042
    assert word(dump, LOW + 0x2F8) == NT + 0x30055


def test_a_trap_handler_has_its_frame() -> None:
    dump = posted_dump(POST)
    assert word(dump, LOW + 0x140 + 0x168) == DRIVER + 0x83A7
    assert word(dump, LOW + 0x140 + 0x180) == LOW + 0x2D0


def test_modules_lie_where_offsets_and_bases_put_them() -> None:
    told = Posted(POST.stop, LINES, modules={"told.sys": 0xFFFFF80030000000})
    bases = {driver.name: driver.base for driver in posted_dump(told).facts.drivers}
    assert bases["culprit.sys"] == DRIVER
    assert bases["told.sys"] == 0xFFFFF80030000000
    assert bases["ntoskrnl.exe"] <= NT + 0x10069


def test_the_stop_is_at_the_kernels_first_instruction_of_it() -> None:
    registers = posted_dump(POST).facts.registers
    assert (registers["rsp"], registers["rip"] % 16) == (LOW - 8, 0)


def test_a_second_stack_becomes_a_block() -> None:
    other = LOW + 0x100000
    lines = (*LINES[:2], Line(other, DRIVER + 0x1234, "nt!KiInterrupt", trap=True), Line(other + 0x190, 0, "culprit"))
    blocks = {block.address: block.data for block in posted_dump(Posted(POST.stop, lines)).facts.blocks}
    assert blocks[other][0x168:0x170] == (DRIVER + 0x1234).to_bytes(8, "little")


def test_old_return_addresses_only_where_they_are_asked_for() -> None:
    quiet, beset = (bytes(posted_dump(POST, stale=stale).facts.stack.data) for stale in (False, True))
    assert quiet != beset
    assert (0xFFFFF87000000000 >> 32).to_bytes(4, "little") not in quiet
