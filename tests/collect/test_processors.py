"""What the other processors were doing goes into the small dump, and is read there as in the machine."""

from __future__ import annotations

import struct

from smalldump.api import lookup_for
from smalldump.collect import collect
from smalldump.compose import compose
from smalldump.memory import Overlay, Segment
from smalldump.model import Absent, Registers, Snapshot, StackWindow
from smalldump.model.execution import ProcessorState
from smalldump.model.machine import X64
from smalldump.model.requests import RangeRequest, Rank
from smalldump.sources.builder import SnapshotBuilder
from smalldump.sources.small import SmallDump
from smalldump.unwind import FrameTrust, walk_from
from tests.collect.machines import calling_machine, chain

ARRAY, KPRCB = 0xFFFFF80000602000, 0xFFFFF80002000000
PRCB, THREAD, CONTEXT, STACK = (0xFFFFF88000100000 + 0x20000 * n for n in range(4))


def machine_of_two() -> Snapshot:
    """The second processor runs functions of the same driver, on a stack of its own."""
    machine = calling_machine(3000, [1, 2, 3])
    first, stack = chain([2000, 1000, 7])
    prcb, thread = bytearray(0xAF00), bytearray(0x898)
    struct.pack_into("<Q", prcb, 0x8, THREAD)
    struct.pack_into("<Q", prcb, 0x85C0, CONTEXT)
    struct.pack_into("<QQ", thread, 0x30, STACK - 0x1000, STACK + len(stack))
    context = SnapshotBuilder().context({"rip": first, "rsp": STACK})
    pieces = {ARRAY: struct.pack("<QQ", KPRCB, PRCB), PRCB: prcb, THREAD: thread, CONTEXT: context, STACK: stack}
    held = machine.memory
    assert isinstance(held, Overlay)
    new = [Segment(at, memoryview(bytes(data)), "processor 1") for at, data in pieces.items()]
    machine.memory = Overlay([*new, *(segment for _, _, segment in held.pieces())])
    registers = Registers(X64, {"rip": first, "rsp": STACK}, "PRCB.Context", CONTEXT)
    machine.processors = (
        ProcessorState(0, True, KPRCB, Absent.NOT_CAPTURED, False, Absent.NOT_CAPTURED, Absent.NOT_CAPTURED),
        ProcessorState(1, False, PRCB, THREAD, False, registers, StackWindow(STACK, memoryview(stack), 0)),
    )
    return machine


def of_rank(machine: Snapshot, rank: Rank) -> list[RangeRequest]:
    return [request for request in collect(machine).requests if request.rank is rank]


def test_what_is_taken_of_a_processor() -> None:
    asked = {(r.why, r.address, r.size) for r in of_rank(machine_of_two(), Rank.PROCESSORS)}
    assert asked >= {
        ("KPRCB of processor 1", PRCB, 0x700),
        ("PRCB.Context of processor 1", PRCB + 0x85C0, 8),
        ("ETHREAD of processor 1", THREAD, 0x100),
        ("CONTEXT of processor 1", CONTEXT, 0x4D0),
        ("stack of processor 1", STACK, 2 * 0x30 + 0x100),
    }
    rest = {(r.why, r.address) for r in of_rank(machine_of_two(), Rank.OTHER)}
    assert rest >= {("KPRCB of processor 1", PRCB), ("ETHREAD of processor 1", THREAD)}


def test_its_stack_is_unwound_in_the_small_dump() -> None:
    dump = SmallDump(memoryview(compose(machine_of_two()).data()))
    assert not isinstance(dump.processors, Absent)
    state = next(each for each in dump.processors if each.number == 1)
    assert (state.prcb, state.thread) == (PRCB, THREAD)
    assert not isinstance(state.registers, Absent)
    found = walk_from(dump, state.registers, state.stack, lookup_for(dump, None)).frames
    first, stack = chain([2000, 1000, 7])
    callers = struct.unpack("<6Q6Q", stack[:0x60])[5::6]
    assert [(frame.pc, frame.trust) for frame in found[:3]] == [
        (first, FrameTrust.CONTEXT),
        *((address, FrameTrust.UNWIND_INFO) for address in callers),
    ]


def test_without_the_array_nothing_of_them_is_needed() -> None:
    machine = machine_of_two()
    machine.debugger_data = {**machine.debugger_data, "ki_processor_block": 0}  # type: ignore[dict-item]
    assert of_rank(machine, Rank.PROCESSORS) == []


def test_a_thousand_processors_are_not_all_taken() -> None:
    machine = machine_of_two()
    assert not isinstance(machine.processors, Absent)
    machine.processors = tuple(machine.processors[1]._replace(number=n) for n in range(1000))
    assert len({r.why for r in of_rank(machine, Rank.PROCESSORS) if r.why.startswith("CONTEXT")}) == 256
