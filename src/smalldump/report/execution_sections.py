"""The sections on what else was there: all processors, threads within reach of the dump, all processes."""

from __future__ import annotations

from collections.abc import Sequence

from smalldump.model import Absent, Process, Registers, Snapshot, StackWindow
from smalldump.model.execution import ProcessorState, ThreadState
from smalldump.report.frames import frames
from smalldump.report.machine_sections import process_facts, state_name
from smalldump.report.values import JsonObject, absent, address, fact
from smalldump.unwind import CodeLookup, WalkEnd, walk_from

__all__ = ["execution_sections"]


_LISTED = ("name", "pid", "parent_pid", "address", "create_time_utc", "directory_table_base")
_MOST_STACK_BYTES = 1 << 20
"""Bytes of stacks that are walked; all of those that 64 processors with 16 KB each have."""


def execution_sections(machine: Snapshot, lookup: CodeLookup) -> JsonObject:
    """`processors` and `threads`, each with its own call stack; and `processes`, of which small dumps have no list."""
    processors, stacks = machine.processors, _Stacks(machine, lookup)
    listed = {"processes": fact(machine.processes, _processes)} if machine.has_pages else {}
    return listed | {
        "processors": absent(processors)
        if isinstance(processors, Absent)
        else [_processor(state, stacks) for state in processors],
        "threads": [_thread(state, stacks) for state in machine.threads],
    }


def _processes(processes: Sequence[Process]) -> list[JsonObject]:
    return [{key: each for key, each in process_facts(process).items() if key in _LISTED} for process in processes]


def _processor(state: ProcessorState, stacks: _Stacks) -> JsonObject:
    return {
        "number": fact(state.number),
        "crashed": state.crashed,
        "prcb": fact(state.prcb, address),
        "thread": fact(state.thread, address),
        "idle": fact(state.idle),
    } | stacks.of(state.registers, state.stack)


def _thread(state: ThreadState, stacks: _Stacks) -> JsonObject:
    thread = state.thread
    return {
        "address": fact(thread.address, address),
        "tid": fact(thread.tid),
        "pid": fact(thread.pid),
        "state": fact(thread.state, state_name),
        "processor": None if state.processor is None else fact(state.processor),
    } | stacks.of(state.registers, state.stack)


class _Stacks:
    """Call stacks from registers: each walked once, and no more than a machine can have."""

    def __init__(self, machine: Snapshot, lookup: CodeLookup) -> None:
        self._machine, self._lookup, self._left = machine, lookup, _MOST_STACK_BYTES
        self._walked: dict[tuple[int, int], JsonObject] = {}

    def of(self, registers: Registers | Absent, stack: StackWindow | Absent) -> JsonObject:
        """The frames, and why there are no more; behind the limit none are looked for."""
        if isinstance(registers, Absent):
            return {"stack": absent(registers)}
        key = registers.pc, registers.sp
        if key not in self._walked:
            self._walked[key] = self._walk(registers, stack)
        return dict(self._walked[key])

    def _walk(self, registers: Registers, stack: StackWindow | Absent) -> JsonObject:
        self._left -= 0 if isinstance(stack, Absent) else len(stack.data)
        if self._left < 0:
            return {"stack": [], "stack_end": WalkEnd.LIMIT.value}
        found = walk_from(self._machine, registers, stack, self._lookup)
        return {
            "stack": frames(self._machine, found, (registers, stack), args=True),
            "stack_end": found.end.value,
        }
