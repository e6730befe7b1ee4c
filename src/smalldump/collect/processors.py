"""What the other processors were doing: their PRCBs, contexts, threads and stacks, and the code on these.

All of that is found by KiProcessorBlock: where its group is not in the dump, nothing of it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smalldump.collect.threads import stack_bytes
from smalldump.layout.context import ContextArm64, ContextX64, ContextX86
from smalldump.model import Absent, Snapshot
from smalldump.model.execution import ProcessorState
from smalldump.model.machine import ARM64, X64, X86
from smalldump.model.requests import RangeRequest, Rank
from smalldump.unwind import CodeLookup, Frame, walk_from

__all__ = ["frames_elsewhere", "other_processors"]

_CONTEXT_BYTES = {X64: ContextX64.SIZE, X86: ContextX86.SIZE, ARM64: ContextArm64.SIZE}
_MOST_OTHERS, _MOST_WALKED = 256, 64
_PRCB_HEAD, _PRCB_BYTES = 0x700, 0x2000  # what debuggers read first; what is taken where no word tells the size
_THREAD_HEAD = 0x100  # state and borders of the stack


def other_processors(machine: Snapshot) -> Iterator[RangeRequest]:
    """The ranges for each processor but the one that crashed."""
    for state in _others(machine):
        yield from _structures(machine, state)
        if not isinstance(state.registers, Absent):
            address, size = state.registers.address, _CONTEXT_BYTES[machine.machine]
            if address is not None:
                yield _part(address, size, f"CONTEXT of processor {state.number}")
        if not isinstance(state.stack, Absent):
            size = min(len(state.stack.data), stack_bytes(machine))
            yield _part(state.stack.start, size, f"stack of processor {state.number}")


def frames_elsewhere(machine: Snapshot, images: CodeLookup) -> Iterator[Frame]:
    """The frames of the other processors, 64 of them at most."""
    for state in _others(machine)[:_MOST_WALKED]:
        if not isinstance(state.registers, Absent):
            yield from walk_from(machine, state.registers, state.stack, images).frames


def _others(machine: Snapshot) -> Sequence[ProcessorState]:
    states = machine.processors
    return () if isinstance(states, Absent) else [state for state in states if not state.crashed][:_MOST_OTHERS]


def _structures(machine: Snapshot, state: ProcessorState) -> Iterator[RangeRequest]:
    words = {} if isinstance(machine.debugger_data, Absent) else machine.debugger_data
    if not isinstance(state.prcb, Absent):
        size, frozen = words.get("size_prcb", 0) or _PRCB_BYTES, words.get("offset_prcb_context", 0)
        why = f"KPRCB of processor {state.number}"
        yield _part(state.prcb, min(size, _PRCB_HEAD), why)
        if frozen:
            yield _part(state.prcb + frozen, machine.machine.pointer, f"PRCB.Context of processor {state.number}")
        yield RangeRequest(state.prcb, size, why, rank=Rank.OTHER)
    if not isinstance(state.thread, Absent) and state.thread:
        why = f"ETHREAD of processor {state.number}"
        yield _part(state.thread, _THREAD_HEAD, why)
        yield RangeRequest(state.thread, words.get("size_ethread", 0), why, rank=Rank.OTHER)


def _part(address: int, size: int, why: str) -> RangeRequest:
    return RangeRequest(address, size, why, rank=Rank.PROCESSORS)
