"""Stacks of others than the thread that crashed, where the dump holds them."""

from __future__ import annotations

from collections.abc import Sequence

from smalldump.model import Absent, Snapshot
from smalldump.model.execution import ProcessorState, ThreadState
from smalldump.unwind import CodeLookup, Frame, Stacks, walk_from

__all__ = ["stack_of_processor", "stack_of_thread"]


def stack_of_processor(machine: Snapshot, number: int, lookup: CodeLookup) -> Sequence[Frame] | None:
    """The frames of another processor than the one that stopped the machine; None where the dump does not tell."""
    processors = () if isinstance(machine.processors, Absent) else machine.processors
    found = next((each for each in processors if each.number == number and not each.crashed), None)
    return None if found is None else _walked(machine, found, lookup)


def stack_of_thread(machine: Snapshot, address: int, stacks: Stacks, lookup: CodeLookup) -> Sequence[Frame] | None:
    """The frames of the thread at an address, the one that crashed or another; None where the dump does not tell."""
    if not isinstance(machine.thread, Absent) and machine.thread.address == address:
        return stacks.crash.frames
    found = next((each for each in machine.threads if each.thread.address == address), None)
    return None if found is None else _walked(machine, found, lookup)


def _walked(machine: Snapshot, state: ProcessorState | ThreadState, lookup: CodeLookup) -> Sequence[Frame] | None:
    if isinstance(state.registers, Absent):
        return None
    return walk_from(machine, state.registers, state.stack, lookup).frames
