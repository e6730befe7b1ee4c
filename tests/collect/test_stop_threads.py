"""Threads that a bug check names come with their stacks, and with what unwinds these; built with literal offsets."""

from __future__ import annotations

import struct

import pytest

from smalldump.api import lookup_for
from smalldump.collect import collect
from smalldump.compose import compose
from smalldump.memory import Overlay, Segment
from smalldump.model import Absent, BugCheck, Registers, Snapshot, StackWindow, Thread
from smalldump.model.execution import ProcessorState, ThreadState
from smalldump.model.machine import X64
from smalldump.model.requests import Rank
from smalldump.sources.small import SmallDump
from smalldump.unwind import FrameTrust, walk_from
from tests.collect.machines import calling_machine, chain

ETHREAD, STACK, RESOURCE, PRCB = (0xFFFFA80000100000 + 0x20000 * n for n in range(4))
CALLS = [2000, 1000, 7]
NAMED = {
    "0x9F, PnP lock": (0x9F, (4, 300, ETHREAD, 0)),
    "0x1CC, owner": (0x1CC, (RESOURCE, 0, 5, 60)),
    "0x1CC, who noticed": (0x1CC, (0, ETHREAD, 5, 60)),
    "0x101, hung": (0x101, (0x18, 0, PRCB, 1)),
    "0xEA, stuck": (0xEA, (ETHREAD, 0, 0, 1)),
}


def machine_with(code: int, parameters: tuple[int, int, int, int], owner: int = ETHREAD) -> Snapshot:
    """A thread that the dump is not about waits in functions of the driver."""
    machine = calling_machine(3000, [1, 2, 3])
    first, stack = chain(CALLS)
    thread, prcb, resource = bytearray(0x898), bytearray(0xAF00), bytearray(0x68)
    struct.pack_into("<QQ", thread, 0x30, STACK - 0x1000, STACK + len(stack))
    struct.pack_into("<Q", thread, 0x58, STACK)
    struct.pack_into("<Q", prcb, 0x8, ETHREAD)
    struct.pack_into("<Q", resource, 0x30, owner)
    pieces = {ETHREAD: thread, STACK: stack, RESOURCE: resource, PRCB: prcb}
    held = machine.memory
    assert isinstance(held, Overlay)
    new = [Segment(at, memoryview(bytes(data)), "waiting") for at, data in pieces.items()]
    machine.memory = Overlay([*new, *(segment for _, _, segment in held.pieces())])
    registers = Registers(X64, {"rip": first, "rsp": STACK}, "switch frame", STACK)
    window = StackWindow(STACK, memoryview(stack), 0)
    machine.threads = (ThreadState(_thread(ETHREAD), None, registers, window),)
    machine.bug_check = BugCheck(code, parameters)
    return machine


def _thread(address: int) -> Thread:
    return Thread(address, *[Absent.NOT_CAPTURED] * (len(Thread._fields) - 1))


def taken(machine: Snapshot, rank: Rank) -> set[tuple[str, int]]:
    return {(request.why, request.address) for request in collect(machine).requests if request.rank is rank}


@pytest.mark.parametrize("name", NAMED)
def test_the_stack_and_what_unwinds_it(name: str) -> None:
    machine = machine_with(*NAMED[name])
    assert {("ETHREAD", ETHREAD), ("stack of a thread", STACK)} <= taken(machine, Rank.BUG_CHECK)
    (state,) = machine.threads
    small = SmallDump(memoryview(compose(machine).data()))
    assert not isinstance(state.registers, Absent)
    whole, kept = (walk_from(each, state.registers, state.stack, lookup_for(each, None)) for each in (machine, small))
    places = [(frame.pc, frame.sp) for frame in whole.frames]
    assert len(places) >= len(CALLS)
    assert [(frame.pc, frame.sp) for frame in kept.frames] == places
    assert {frame.trust for frame in kept.frames[1 : len(CALLS)]} == {FrameTrust.UNWIND_INFO}


def test_the_processor_list_tells_what_a_processor_ran() -> None:
    machine = machine_with(*NAMED["0x101, hung"])
    nothing = Absent.NOT_CAPTURED
    machine.memory = Overlay([s for _, _, s in _overlay(machine).pieces() if s.address != PRCB])
    machine.processors = (ProcessorState(1, False, PRCB, ETHREAD, False, nothing, nothing),)
    assert ("ETHREAD", ETHREAD) in taken(machine, Rank.BUG_CHECK)


def _overlay(machine: Snapshot) -> Overlay:
    assert isinstance(machine.memory, Overlay)
    return machine.memory


@pytest.mark.parametrize("owner", [0, 0x1234, ETHREAD | 1, ETHREAD | 3])
def test_owners_that_are_no_threads(owner: int) -> None:
    """Small numbers, and pointers that a driver has set as the owner: the two lowest bits tell."""
    machine = machine_with(0x1CC, (RESOURCE, 0, 5, 60), owner)
    found = taken(machine, Rank.BUG_CHECK)
    assert ("ERESOURCE", RESOURCE) in found
    assert "ETHREAD" not in {why for why, _ in found}


@pytest.mark.parametrize(("code", "parameters"), [(0x9F, (3, 300, ETHREAD, 0)), (0x50, (ETHREAD, 0, 0, 0))])
def test_other_parameters_name_no_threads(code: int, parameters: tuple[int, int, int, int]) -> None:
    assert "ETHREAD" not in {why for why, _ in taken(machine_with(code, parameters), Rank.BUG_CHECK)}
