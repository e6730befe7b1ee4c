"""The harness with Microsoft's engine: both agree on the examples, and the harness can tell when they do not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from smalldump.model import Registers
from smalldump.sources.small import SmallDump
from tests.oracle.compare import shown_registers
from tests.oracle.engine import engine
from tests.oracle.fixture import Oracle
from tests.oracle.reading import Frame
from tests.synth import Dump
from tests.synth.presets import arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.dmp"))


def opened(data: bytes) -> SmallDump:
    return SmallDump(memoryview(data))


# The engine is there


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 7


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_engine_reads_an_example_as_we_do(path: Path, oracle: Oracle) -> None:
    assert oracle.differences(path, opened(path.read_bytes())) == []


def test_it_is_the_engine_that_was_pinned(oracle: Oracle) -> None:
    reading = oracle.read(EXAMPLES[0])
    assert "Microsoft (R) Windows Debugger Version 10.0.15063.400 AMD64" in reading.opening


def test_what_else_it_says(oracle: Oracle, tmp_path: Path) -> None:
    """The comment, the stack as it walks it, memory with and without bytes."""
    dump = x64_dump(comment="cut down from 262144 bytes")
    stack = dump.facts.stack
    low, above = stack.low, stack.low + len(stack.data)
    reading = oracle.read(dump.save(tmp_path), [(low, 0x21), (above, 3)])
    assert reading.comment == "cut down from 262144 bytes"
    assert reading.memory == {(low, 0x21): stack.data[:0x21].hex(), (above, 3): "??????"}
    assert reading.frames[0] == Frame(low, int.from_bytes(stack.data[:8], "little"), "nt+0x3fdfd0")


def test_a_call_that_takes_too_long_is_ended(oracle: Oracle) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        engine(EXAMPLES[0], ".sleep 0n600000", seconds=2)
    assert oracle.read(EXAMPLES[0]).refusal is None


# Registers: the engine's rule, on machines whose header and PRCB tell different ones.


@pytest.mark.parametrize("with_processor_block", [True, False], ids=["prcb", "header"])
@pytest.mark.parametrize(
    ("preset", "pc"),
    [(x64_dump, "rip"), (arm64_dump, "pc"), (kernel_written_dump, "rip")],
    ids=["x64", "arm64", "kernel"],
)
def test_whose_registers_the_engine_shows(
    preset: Callable[..., Dump], pc: str, with_processor_block: bool, oracle: Oracle, tmp_path: Path
) -> None:
    registers = dict(preset().facts.registers)
    other = registers | {pc: registers[pc] + 0x10}
    dump = preset(prcb_registers=other, standard_blocks=with_processor_block)
    shown = other if with_processor_block else registers
    reading = oracle.read(dump.save(tmp_path))
    assert reading.registers[pc] == shown[pc]
    ours = shown_registers(opened(dump.bytes))
    assert isinstance(ours, Registers)
    assert ours.pc == shown[pc]


@pytest.mark.parametrize("preset", [x86_dump, win2000_dump], ids=["xp", "2000"])
def test_old_dumps_show_the_header_s_registers(preset: Callable[..., Dump], oracle: Oracle, tmp_path: Path) -> None:
    registers = dict(preset().facts.registers)
    dump = preset(prcb_registers=registers | {"eip": registers["eip"] + 0x10})
    assert oracle.read(dump.save(tmp_path)).registers["eip"] == registers["eip"]


# The harness can fail


def test_a_file_without_end_marker_is_refused(oracle: Oracle, tmp_path: Path) -> None:
    dump = x64_dump()
    (difference,) = oracle.differences(dump.damaged("marker missing").save(tmp_path), opened(dump.bytes))
    assert difference.startswith("the engine refuses the file: ")
    assert "Win32 error 0n1392" in difference


def test_a_processor_block_of_zeros_is_refused(oracle: Oracle, tmp_path: Path) -> None:
    dump = x64_dump()
    broken = dump.patch("blocks[2].data", bytes(len(dump.read("blocks[2].data"))))
    (difference,) = oracle.differences(broken.save(tmp_path), opened(broken.bytes))
    assert "refuses" in difference
    assert "KiProcessorBlock[0] could not be read" in difference


def test_a_processor_block_without_context_is_complained_of(oracle: Oracle, tmp_path: Path) -> None:
    dump = x64_dump()
    broken = dump.patch("blocks[4].Address", dump.number("blocks[4].Address") + 0x100000)
    differences = oracle.differences(broken.save(tmp_path), opened(broken.bytes))
    assert "the engine complains: GetContextState failed, 0x8007001E" in differences


RAX = 0x78  # in CONTEXT
PLANTED = [
    ("DUMP_HEADER.BugCheckParameter2", 0x77),
    ("DUMP_HEADER.SystemTime", 0x01DC5B82A0D5D400),
    ("DUMP_HEADER.SystemUpTime", 600_000_000),
    ("DUMP_HEADER.SuiteMask", 0x300),
    ("DUMP_HEADER.WriterStatus", 2),
    ("drivers[1].SizeOfImage", 0x7000),
    ("unloaded[0].StartAddress", 0xFFFFF8046E901000),
    ("TRIAGE_DUMP.MmOffset", 0x2088),
    ("blocks[5].Size", 7),
]
FOUND = [
    "bug check: parameters is [",
    "registers: rax is 0x21, for the engine 0x22",
    "system: suites is [TerminalServer, SingleUserTS], for the engine [SingleUserTS, Personal]",
    "modules: hal 0xfffff80468200000-0xfffff80468206000 is unknown to the engine",
    "modules: hal 0xfffff80468200000-0xfffff80468207000 is known only to the engine",
    "unloaded modules: the list is [WobbleSetup. 0xfffff8046e900000-0xfffff8046e90b000, ",
    "stack: 1 of 0xd88 bytes from 0xffffa08f2b1c6278 on differ: the one at 0xffffa08f2b1c6678 is ",
    "memory: 1 of 0xd88 bytes from 0xffffa08f2b1c6278 on differ",
    "memory: 1 of 0x4d0 bytes from 0xffffc48f69a0c040 on differ: the one at 0xffffc48f69a0c0b8 is 21, ",
    "memory: 1 of 0x8 bytes from 0xffffb9f2850e9e40 on differ: the one at 0xffffb9f2850e9e47 is ",
    "moment: time is 2026-11-22 07:55:01.250000+00:00, for the engine 2025-",
    "moment: uptime is 1:20:34.567000, for the engine 0:01:00",
    "header: BugCheckParameter2 is 0x2, for the engine 0x77",
    "header: SuiteMask is 0x110, for the engine 0x300",
    "header: WriterStatus is 0x0, for the engine 0x2",
    "triage header: mm_offset is 0x2080, for the engine 0x2088",
    "data blocks: number 5 (first and last address, offset) is ",
]


def test_every_kind_of_difference_is_found(oracle: Oracle, tmp_path: Path) -> None:
    """A machine, and a file that differs from it in one thing of each kind."""
    whole = x64_dump()
    changed = whole.patch(whole.offset("stack") + 0x400, whole.read("stack")[0x400] ^ 1, 1)
    changed = changed.patch(whole.offset("blocks[4].data") + RAX, 0x22, 8)
    for where, value in PLANTED:
        changed = changed.patch(where, value)
    found = oracle.differences(changed.save(tmp_path), opened(whole.bytes))
    assert [line for line in found if not any(line.startswith(start) for start in FOUND)] == []
    assert [start for start in FOUND if not any(line.startswith(start) for line in found)] == []
