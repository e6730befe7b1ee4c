"""Wholly synthetic machines, XP to 11: whatever file holds one, its facts come out, and again out of its small dump."""

from __future__ import annotations

import pytest

from smalldump.compose import compose
from smalldump.errors import SmallDumpError
from smalldump.model import Absent, Registers, Snapshot, System
from smalldump.sources.detect import open_snapshot
from smalldump.sources.small import SmallDump
from tests.sources.reading import known
from tests.synth.registers import PC, SP
from tests.synth.whole_machine import NAMES, WholeMachine, whole_machine

FILES = [(name, file) for name in NAMES for file in whole_machine(name).files()]
WITHOUT_REGISTERS = {"raw", "LiME"}
"""No header and no note: registers are what the kernel froze, which XP does not do."""


def opened(data: bytes) -> Snapshot:
    return open_snapshot(memoryview(data), "memory")


@pytest.mark.parametrize(("name", "file"), FILES)
def test_every_fact_comes_out_and_again_out_of_the_small_dump(name: str, file: str) -> None:
    machine = whole_machine(name)
    big = opened(machine.files()[file]())
    small = SmallDump(memoryview(compose(big).data()))
    for told in (big, small):
        _the_stop(told, machine)
        _the_lists(told, machine)
        _the_registers(told, machine, file)
    assert _carried(small) == _carried(big)
    assert small.debugger_data == big.debugger_data


def _carried(told: Snapshot) -> System:
    """XP's header has no room for product and suites, and says free or checked even where memory does not tell."""
    if told.system.build != 2600:
        return told.system
    return told.system._replace(product_type=1, suite_mask=0, checked=False)


def _the_stop(told: Snapshot, machine: WholeMachine) -> None:
    facts = machine.facts
    stop = known(told.bug_check)
    assert (stop.code, stop.parameters) == (facts.bug_check[0], facts.bug_check[1:])
    assert known(told.thread).address == facts.thread.address
    assert known(told.process).address == facts.process.address
    assert known(told.process).name == "System"
    assert known(told.processor).number == facts.processor.number
    assert told.build_lab == facts.windows.build_lab
    assert (told.system.build, told.system.processors) == (facts.windows.build, facts.processors)
    assert told.system.kernel_base == facts.kernel.base
    stack = known(told.stack)
    assert stack.start == facts.stack.low
    assert bytes(stack.data) == bytes(facts.stack.data)[: len(stack.data)]


def _the_lists(told: Snapshot, machine: WholeMachine) -> None:
    facts = machine.facts
    assert [(each.base, each.size, each.file) for each in told.modules] == [
        (driver.base, driver.size, driver.name) for driver in facts.drivers
    ]
    assert [(each.timestamp, each.checksum) for each in told.modules] == [
        (driver.timestamp, driver.checksum) for driver in facts.drivers
    ]
    assert [(each.name, each.base, each.end) for each in known(told.unloaded_modules)] == [
        (driver.name, driver.start, driver.end) for driver in facts.unloaded or ()
    ]


def _the_registers(told: Snapshot, machine: WholeMachine, file: str) -> None:
    facts, kind = machine.facts, machine.facts.windows.machine
    registers = told.contexts.crash
    if file in WITHOUT_REGISTERS and not facts.processor.context_address:
        return
    assert isinstance(registers, Registers)
    for name in {*facts.registers, PC[kind], SP[kind]}:
        assert registers.values[name] == facts.registers[name], name


@pytest.mark.parametrize("name", NAMES)
def test_every_processor(name: str) -> None:
    machine = whole_machine(name)
    states = known(opened(machine.complete()).processors)
    assert [state.prcb for state in states] == [machine.prcb(number) for number in range(machine.facts.processors)]
    assert [state.number for state in states if state.crashed] == [machine.number]


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("encoded")])
def test_an_encoded_block_is_encoded_in_memory(name: str) -> None:
    machine = whole_machine(name)
    assert machine.memory_at(machine.facts.kdbg_at + 0x10, 4) != b"KDBG"
    assert not isinstance(opened(machine.raw()).debugger_data, Absent)


@pytest.mark.parametrize(("name", "file"), [(name, file) for name, file in FILES if name.startswith(("XP PAE", "11"))])
@pytest.mark.parametrize("share", [1, 5, 8])
def test_a_file_cut_short_is_refused_or_tells_what_is_left(name: str, file: str, share: int) -> None:
    data = whole_machine(name).files()[file]()
    try:
        machine = opened(data[: len(data) * share // 9])
        compose(machine).data()
    except SmallDumpError:
        return
    assert machine.machine is opened(data).machine
