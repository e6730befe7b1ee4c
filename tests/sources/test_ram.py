"""Memory images: the machine tells what its small dump tells, whatever its memory lies in."""

from __future__ import annotations

import lzma
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from smalldump.api import analyze
from smalldump.compose import compose
from smalldump.errors import NotADump, SourceUnreadable, UnsupportedFormat
from smalldump.model import Absent, Snapshot
from smalldump.model.machine import ARM64
from smalldump.sources.big import BigDump
from smalldump.sources.crashed_processor import Sign, running_processor
from smalldump.sources.detect import open_snapshot
from smalldump.sources.ram import RamSnapshot
from smalldump.sources.small import SmallDump
from tests.physical_files import arm64_note, elf_core, lime_image, qemu_note
from tests.synth.big_machine import BigMachine
from tests.synth.imaged import STORIES, imaged, pages, raw

PAGE = 0x1000
FACTS = ["machine", "build_lab", "bug_check", "process", "thread", "modules"]


def core(machine: BigMachine, **registers: int) -> bytes:
    if machine.mode == "ARM64":
        return elf_core(pages(machine), arm64_note(range(31), 0x12340000, 0x7FF712345678, 0x3C5), machine=183)
    told = {"cr0": 0x80050033, "cr3": machine.tables.root, "rip": 0x7FF712345678, "rsp": 0x12340000}
    notes = qemu_note(told | registers)
    return elf_core(pages(machine), notes, 64, 62 if machine.bits == 64 else 3)


CONTAINERS: dict[str, Callable[[BigMachine], bytes]] = {
    "raw": raw,
    "LiME": lambda machine: lime_image(pages(machine)),
    "ELF": core,
}


@pytest.fixture(scope="module", params=[(story, kind) for story in STORIES for kind in CONTAINERS], ids="-".join)
def pair(request: pytest.FixtureRequest) -> tuple[RamSnapshot, SmallDump]:
    story, kind = request.param
    opened = open_snapshot(memoryview(CONTAINERS[kind](imaged(story))), "memory")
    assert isinstance(opened, RamSnapshot)
    return opened, SmallDump(memoryview(imaged(story).facts.build().bytes))


@pytest.mark.parametrize("fact", FACTS)
def test_the_same_facts_as_the_small_dump(pair: tuple[RamSnapshot, SmallDump], fact: str) -> None:
    if pair[0].machine is ARM64 and fact == "thread":
        assert guessed(pair[0])
        return
    ram, small = (_comparable(machine, fact) for machine in pair)
    assert ram == small or (fact == "build_lab" and isinstance(small, Absent))


def guessed(ram: RamSnapshot) -> bool:
    """Whether nothing told the processor: on ARM64 the arguments of KeBugCheckEx are in no register any more."""
    return ram.crashed is not None and ram.crashed.sign is Sign.GUESS


def _comparable(machine: Snapshot, fact: str) -> object:
    value = getattr(machine, fact)
    return [(each.name, each.base, each.size) for each in value] if fact == "modules" else value


def test_the_machine_and_its_windows(pair: tuple[RamSnapshot, SmallDump]) -> None:
    ram, small = (machine.system for machine in pair)
    for name in ("build", "processors", "pae", "service_pack", "product_type", "suite_mask", "kernel_base"):
        if not isinstance(getattr(small, name), Absent) or isinstance(getattr(ram, name), Absent):
            assert getattr(ram, name) == getattr(small, name), name
    assert ram.checked is (False if ram.machine.bits == 64 else Absent.NOT_CAPTURED)  # XP's lab does not say


def test_registers_and_stack(pair: tuple[RamSnapshot, SmallDump]) -> None:
    ram, small = pair
    assert not isinstance(ram.stack, Absent)
    assert not isinstance(small.stack, Absent)
    if ram.machine is ARM64:
        assert guessed(ram)
        return
    assert ram.stack.start == small.stack.start
    assert bytes(small.stack.data) == bytes(ram.stack.data)[: len(small.stack.data)]
    assert ram.crashed is not None


def test_the_moment(pair: tuple[RamSnapshot, SmallDump]) -> None:
    dump = pair[0].dump
    assert str(dump.time) == "2024-03-31 18:50:12.285719+00:00"
    assert str(dump.uptime) == "6:37:09.944839"
    assert dump.writer is Absent.NOT_APPLICABLE
    assert dump.fields["directory_table_base"] == pair[0].discovery.translation.value.table  # type: ignore[union-attr]


def test_every_found_fact_says_how(pair: tuple[RamSnapshot, SmallDump]) -> None:
    found = pair[0].discovery
    for fact in (found.translation, found.kernel_base, found.debugger_block, found.build):
        assert fact.value
        assert fact.how


# --- what there is no bug check for


def stopped_by_nobody() -> BigMachine:
    """A machine that a monitor stopped: no bug check, no frozen registers."""
    machine = imaged.__wrapped__("x64")
    facts = machine.facts
    machine.write(machine.at["KiBugcheckData"], bytes(40))
    for number in range(facts.processors):
        prcb = int.from_bytes(machine.memory_at(machine.at["KiProcessorBlock"] + number * 8, 8), "little")
        context = int.from_bytes(machine.memory_at(prcb + facts.windows.offsets["pr_context"], 8), "little")
        machine.write(context, bytes(0x4D0))
    return machine


def paused(machine: BigMachine, **registers: int) -> bytes:
    """An ELF core in whose notes the story's processor runs in the kernel and all others are idle."""
    facts = machine.facts
    told = {"rip": facts.kernel.base + 0x1234, "rsp": facts.stack.low, "cr3": machine.tables.root} | registers
    idle = told | {"rip": facts.kernel.base + 0x1000, "rsp": facts.stack.low - 0x100000}
    states = (told if number == facts.processor.number else idle for number in range(facts.processors))
    return elf_core(pages(machine), b"".join(map(qemu_note, states)), 64, 62)


def test_a_machine_that_a_monitor_stopped() -> None:
    machine = stopped_by_nobody()
    snapshot = RamSnapshot(memoryview(paused(machine)))
    assert snapshot.bug_check is Absent.NOT_APPLICABLE
    registers = snapshot.contexts.header
    assert not isinstance(registers, Absent)
    assert (registers.pc, registers.source) == (machine.facts.kernel.base + 0x1234, "QEMU's note")
    assert not isinstance(snapshot.processors, Absent)
    assert snapshot.crashed is not None
    assert snapshot.crashed.sign is Sign.RUNNING
    assert snapshot.crashed.state.thread == machine.facts.thread.address
    assert snapshot.contexts.prcb is Absent.NOT_APPLICABLE


def test_a_paused_machine_in_a_small_dump() -> None:
    """It carries the registers of the monitor's note, the thread and the stack of the processor that was not idle."""
    machine = stopped_by_nobody()
    low = machine.facts.stack.low
    told = {"rip": machine.facts.kernel.base + 0x1234, "rsp": low, "r12": 0x1122334455667788, "efl": 0x246}
    written = compose(RamSnapshot(memoryview(paused(machine, **told)))).data()
    small = SmallDump(memoryview(written))
    header = small.contexts.header
    assert not isinstance(header, Absent)
    assert {name: header.values[name] for name in told} == told
    assert struct.unpack_from("<I", written, 0x348 + 0x30) == (0x100007,), "control, integer and segments"
    assert not isinstance(small.thread, Absent)
    assert small.thread.address == machine.facts.thread.address
    assert not isinstance(small.stack, Absent)
    assert small.stack.start == low
    assert bytes(small.stack.data) == bytes(machine.facts.stack.data)[: len(small.stack.data)]


def test_that_it_was_paused_is_said(tmp_path: Path) -> None:
    machine, path = stopped_by_nobody(), tmp_path / "paused.elf"
    path.write_bytes(paused(machine))
    report = analyze(path)
    findings = {finding["code"]: finding["message"] for finding in report["findings"]}
    assert (
        f"those of processor {machine.facts.processor.number}: it is the first one that was not idle"
        in findings["machine-paused"]
    )
    assert "no bug check: the machine was paused from outside" in str(report)
    assert "called the bug check" not in str(report)


def test_what_was_frozen_before_is_not_what_a_paused_machine_does() -> None:
    machine = imaged.__wrapped__("x64")
    machine.write(machine.at["KiBugcheckData"], bytes(40))
    snapshot = RamSnapshot(memoryview(paused(machine)))
    states = snapshot.processors
    assert not isinstance(states, Absent)
    assert {state.registers.source for state in states if not isinstance(state.registers, Absent)} == {"QEMU's note"}
    registers = states[machine.facts.processor.number].registers
    assert not isinstance(registers, Absent)
    assert registers.pc == machine.facts.kernel.base + 0x1234


def test_of_a_paused_machine_that_was_idle_the_first_processor_is_taken() -> None:
    machine = stopped_by_nobody()
    processors = RamSnapshot(memoryview(core(machine))).processors
    assert not isinstance(processors, Absent)
    found = running_processor([state._replace(idle=True) for state in processors])
    assert found is not None
    assert (found.sign, found.state.number) == (Sign.IDLE, 0)
    assert running_processor([]) is None


# --- no Windows


@pytest.mark.parametrize("data", [bytes(16 << 20), b"\x11" * (16 << 20)], ids=["zeros", "ones"])
def test_large_files_that_are_no_memory(data: bytes) -> None:
    with pytest.raises(NotADump):
        open_snapshot(memoryview(data), "large.bin")


def test_memory_without_windows() -> None:
    with pytest.raises(UnsupportedFormat, match="no Windows in this LiME"):
        open_snapshot(memoryview(lime_image({5: bytes(PAGE)})), "linux.lime")


def test_a_closed_image() -> None:
    closed: list[bool] = []
    snapshot = RamSnapshot(memoryview(raw(imaged("x64"))), "memory.raw", lambda: closed.append(True))
    assert snapshot.bug_check
    snapshot.close()
    assert closed == [True]
    assert snapshot.bug_check
    with pytest.raises(SourceUnreadable):
        _ = snapshot.kernel


# --- dumps whose header does not lead to the kernel


def test_a_complete_dump_with_a_wrong_root() -> None:
    data = bytearray(imaged("x64").complete())
    struct.pack_into("<Q", data, 0x10, 0x7000)
    dump = BigDump(memoryview(data), "broken.dmp")
    assert dump.build_lab == BigDump(memoryview(imaged("x64").complete())).build_lab
    assert len(dump.modules) == len(imaged("x64").facts.drivers)


def test_an_encoded_block_of_a_stopped_machine(samples: Path) -> None:
    """A synthetic machine by an independent generator, whose debugger data block is encoded."""
    packed = samples / "engine-written" / "win10_x64_19041_encoded.elf.xz"
    snapshot = open_snapshot(memoryview(lzma.decompress(packed.read_bytes())), packed.name)
    assert isinstance(snapshot, RamSnapshot)
    assert snapshot.discovery.encoded
    assert snapshot.discovery.debugger_block.value == 0xFFFFF8046B000000
    assert snapshot.kernel_base == 0xFFFFF8046AE00000
    assert not isinstance(snapshot.bug_check, Absent)
    assert (snapshot.bug_check.code, snapshot.bug_check.parameters[3]) == (0xD1, 0xFFFFF8046EFAD192)
    assert len(snapshot.modules) == 40
