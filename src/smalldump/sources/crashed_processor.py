"""Which processor stopped the machine: nothing in memory says so outright."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from smalldump.layout.structures import StructureOffsets
from smalldump.memory import AddressSpace
from smalldump.model.absent import Absent
from smalldump.model.execution import ProcessorState
from smalldump.model.machine import ARM64, X64, X86
from smalldump.model.records import BugCheck, Registers

__all__ = ["Crashed", "Sign", "crashed_processor", "running_processor"]


class Sign(Enum):
    """By what the processor was recognised, the surest first; the last two where no processor stopped the machine."""

    REGISTERS = "its frozen registers are those of the dump header"
    ARGUMENTS = "its registers hold the bug check as arguments of KeBugCheckEx"
    CALL = "the stack of its thread holds the bug check as arguments of KeBugCheckEx"
    STACK = "the stack pointer of the dump header lies on its thread's stack"
    ONLY = "it is the only one"
    GUESS = "nothing tells; it is the first one"
    RUNNING = "it is the first one that was not idle"
    IDLE = "all were idle; it is the first one"


class Crashed(NamedTuple):
    """The processor that is taken as the one that stopped the machine."""

    state: ProcessorState
    sign: Sign


_ARGUMENTS = {X64: ("rcx", "rdx", "r8", "r9"), ARM64: ("x0", "x1", "x2", "x3")}
_LARGEST_STACK = 0x20000


def crashed_processor(
    processors: Sequence[ProcessorState],
    header: Registers | Absent,
    stop: BugCheck | Absent,
    memory: AddressSpace,
    offsets: StructureOffsets,
) -> Crashed | None:
    """The processor that stopped the machine, and by what it is known; None where there are none.

    Args:
        header: Registers in the dump's header.
    """
    for state in processors:
        if _same_place(state.registers, header):
            return Crashed(state, Sign.REGISTERS)
    calls = [state for state in processors if not isinstance(stop, Absent) and _calls(state.registers, stop, memory)]
    if calls:
        return Crashed(calls[0], Sign.ARGUMENTS)
    for state in processors:
        if _on_its_stack(state, header, memory, offsets):
            return Crashed(state, Sign.STACK)
    if not processors:
        return None
    return Crashed(processors[0], Sign.ONLY if len(processors) == 1 else Sign.GUESS)


def running_processor(processors: Sequence[ProcessorState]) -> Crashed | None:
    """The processor that stands for a machine that was paused from outside: one whose registers are known, if any is.

    None where there are no processors.
    """
    known = [state for state in processors if not isinstance(state.registers, Absent)] or processors
    busy = next((state for state in known if state.idle is False), None)
    if busy is not None:
        return Crashed(busy, Sign.RUNNING)
    return Crashed(known[0], Sign.IDLE) if known else None


def _same_place(registers: Registers | Absent, header: Registers | Absent) -> bool:
    if isinstance(registers, Absent) or isinstance(header, Absent):
        return False
    return (registers.pc, registers.sp) == (header.pc, header.sp)


def _calls(registers: Registers | Absent, stop: BugCheck, memory: AddressSpace) -> bool:
    # At KeBugCheckEx the arguments are still where the caller put them. Parameter 3 and 4 may have been replaced.
    if isinstance(registers, Absent) or not stop.code:
        return False
    return tuple(_arguments(registers, memory))[:3] == (stop.code, *stop.parameters[:2])


def _arguments(registers: Registers, memory: AddressSpace) -> Iterator[int | None]:
    if registers.machine is X86:
        for number in range(1, 4):
            yield memory.word(registers.sp + 4 * number, 4)
    for name in _ARGUMENTS.get(registers.machine, ()):
        yield registers.values.get(name)


def _on_its_stack(
    state: ProcessorState, header: Registers | Absent, memory: AddressSpace, offsets: StructureOffsets
) -> bool:
    offset = offsets.offset("ETHREAD", "base")
    if isinstance(header, Absent) or isinstance(state.thread, Absent) or offset is None:
        return False
    base = memory.word(state.thread + offset, header.machine.pointer) or 0
    return base - _LARGEST_STACK <= header.sp < base
