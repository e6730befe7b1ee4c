"""Findings about dumps that hold pages."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from smalldump.checking import FileState, check
from tests.synth.big_machine import BigMachine
from tests.synth.stories import demo, kernel_written, xp

Damage = Callable[[BigMachine], None]


def codes(data: bytes) -> list[str]:
    return [finding.code for finding in check(memoryview(data)).findings]


def test_a_whole_dump() -> None:
    result = check(memoryview(BigMachine(demo.builder()).complete()), "MEMORY.DMP")
    assert (result.name, result.state, result.findings) == ("MEMORY.DMP", FileState.WHOLE, ())
    assert "69 loaded drivers" in result.readable


def test_a_stack_that_tells_the_processor_is_worth_knowing() -> None:
    assert codes(BigMachine(kernel_written.builder()).complete()) == ["crashed-processor"]


def test_a_dump_that_was_cut() -> None:
    data = BigMachine(demo.builder()).complete()
    result = check(memoryview(data[: len(data) // 2]))
    (finding,) = [finding for finding in result.findings if finding.code == "pages-cut"]
    assert result.state is FileState.DAMAGED
    assert f"expected {len(data):#x} bytes" in finding.message
    assert "bug check" in result.readable


def test_hardly_more_than_the_header() -> None:
    result = check(memoryview(BigMachine(demo.builder()).complete()[:0x2001]))
    assert result.state is FileState.DAMAGED
    assert {"pages-cut", "modules-missing", "processors-missing", "debugger-block-missing"} <= {
        finding.code for finding in result.findings
    }
    assert result.readable == ("bug check", "registers")


@pytest.mark.parametrize("count", [0, 44, 0xFFFFFFFF])
def test_an_impossible_number_of_runs(count: int) -> None:
    data = bytearray(BigMachine(demo.builder()).complete())
    struct.pack_into("<I", data, 0x88, count)
    result = check(memoryview(bytes(data)))
    found = {finding.code: finding.offset for finding in result.findings}
    assert found["pages-damaged"] == 0x88
    assert result.state is FileState.DAMAGED


def test_a_root_that_leads_nowhere() -> None:
    data = bytearray(BigMachine(demo.builder()).complete())
    struct.pack_into("<Q", data, 0x10, 0x7FFFFFFFFF000)
    found = codes(bytes(data))
    assert found == ["debugger-block-missing", "modules-missing", "processors-missing"]


def _broken_block(machine: BigMachine) -> None:
    machine.write(machine.facts.kdbg_at + 0x10, b"KDBX")


def _looping_modules(machine: BigMachine) -> None:
    machine.pointers(machine.entries[3], machine.entries[1])


def _cut_processes(machine: BigMachine) -> None:
    machine.pointers(machine.at["PsActiveProcessHead"], 0xFFFFDEAD12345678, 0xFFFFDEAD12345678)


def _looping_threads(machine: BigMachine) -> None:
    machine.thread_list([], 0x30, 0x2F8)
    machine.pointers(machine.facts.thread.address + 0x2F8, machine.facts.thread.address + 0x2F8)


def _no_processors(machine: BigMachine) -> None:
    machine.pointers(machine.at["KiProcessorBlock"], *[0] * machine.facts.processors)


@pytest.mark.parametrize(
    ("damage", "code", "words"),
    [
        (_broken_block, "debugger-block-missing", "encoded, or damaged"),
        (_looping_modules, "module-list-broken", "it loops without coming back to its head; 69 were read"),
        (_cut_processes, "process-list-broken", "an entry is not in the dump; 0 were read"),
        (_looping_threads, "thread-list-broken", "it loops without coming back to its head; 1 were read"),
        (_no_processors, "processors-missing", "nothing tells what was running"),
    ],
)
def test_damage_in_the_machine(damage: Damage, code: str, words: str) -> None:
    machine = BigMachine(demo.builder())
    damage(machine)
    found = {finding.code: finding.message for finding in check(memoryview(machine.complete())).findings}
    assert words in found[code]


def test_modules_without_the_debugger_block_come_by_the_header() -> None:
    machine = BigMachine(demo.builder())
    _broken_block(machine)
    assert "69 loaded drivers" in check(memoryview(machine.complete())).readable


def test_a_processor_that_is_only_a_guess() -> None:
    machine = BigMachine(kernel_written.builder())
    context = 0x348 + 0x98
    data = bytearray(machine.complete())
    struct.pack_into("<Q", data, context, 0xFFFF900000000000)
    assert "crashed-processor-unsure" in codes(bytes(data))


def test_32_bit() -> None:
    assert "pages-cut" not in codes(BigMachine(xp.builder()).complete())
