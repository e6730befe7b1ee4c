"""The sections on what else was executing: all processors, and threads within reach of the dump."""

from __future__ import annotations

from smalldump.model import Absent, Registers, Snapshot, StackWindow
from smalldump.model.execution import ProcessorState, ThreadState
from smalldump.report.frames import frames
from smalldump.report.machine_sections import state_name
from smalldump.report.values import JsonObject, absent, address, fact
from smalldump.unwind import CodeLookup, walk_from

__all__ = ["execution_sections"]


def execution_sections(machine: Snapshot, lookup: CodeLookup) -> JsonObject:
    """`processors` and `threads`, each with its own call stack."""
    processors = machine.processors
    return {
        "processors": absent(processors)
        if isinstance(processors, Absent)
        else [_processor(machine, state, lookup) for state in processors],
        "threads": [_thread(machine, state, lookup) for state in machine.threads],
    }


def _processor(machine: Snapshot, state: ProcessorState, lookup: CodeLookup) -> JsonObject:
    return {
        "number": fact(state.number),
        "crashed": state.crashed,
        "prcb": fact(state.prcb, address),
        "thread": fact(state.thread, address),
        "idle": fact(state.idle),
    } | _stack(machine, state.registers, state.stack, lookup)


def _thread(machine: Snapshot, state: ThreadState, lookup: CodeLookup) -> JsonObject:
    thread = state.thread
    return {
        "address": fact(thread.address, address),
        "tid": fact(thread.tid),
        "pid": fact(thread.pid),
        "state": fact(thread.state, state_name),
        "processor": None if state.processor is None else fact(state.processor),
    } | _stack(machine, state.registers, state.stack, lookup)


def _stack(
    machine: Snapshot, registers: Registers | Absent, stack: StackWindow | Absent, lookup: CodeLookup
) -> JsonObject:
    if isinstance(registers, Absent):
        return {"stack": absent(registers)}
    found = walk_from(machine, registers, stack, lookup)
    return {"stack": frames(machine, found, (registers, stack), args=True), "stack_end": found.end.value}
