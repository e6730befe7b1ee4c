"""What the walk asks of a processor architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from smalldump.memory import AddressSpace, RangeMap
from smalldump.model import Registers
from smalldump.unwind.code import Code
from smalldump.unwind.frames import FrameTrust
from smalldump.unwind.unwound import NotUnwound
from smalldump.unwind.view import StackView

__all__ = ["Architecture", "Caller", "ExactStep", "Interruption", "Leg", "Shapes", "State", "no_exact_step", "state_of"]


class State(NamedTuple):
    """Registers that a walk goes on from; `link` is the link register. None is not known.

    Attributes:
        registers: All that are known, by WinDbg's name; empty where only those above are.
        interrupted: Whether `pc` is the next instruction, and no return address.
        params_size: x86: bytes of parameters that the function which was left takes off the stack, where it is known.
    """

    pc: int | None
    sp: int
    fp: int | None = None
    link: int | None = None
    registers: Mapping[str, int] = MappingProxyType({})
    interrupted: bool = True
    params_size: int = 0


class ExactStep(NamedTuple):
    """A step to the caller, or to the interrupted code, that does not guess.

    Attributes:
        proved: Whether unwind data describe it; else only the convention does, and a CALL must confirm it.
    """

    state: State
    trust: FrameTrust
    proved: bool = True


class Interruption(NamedTuple):
    """A KTRAP_FRAME on the stack: its range, and the registers of the code that it interrupted."""

    start: int
    end: int
    state: State
    user: bool


class Shapes(NamedTuple):
    """Structures found on a stack: trap frames, ascending, and the ranges of all of them, which hold no call chain."""

    interruptions: Sequence[Interruption]
    ranges: RangeMap[bool]


class Caller(NamedTuple):
    """A return address.

    Attributes:
        address: The return address.
        sp: Stack pointer after the return, as far as the stack tells.
        fp: Frame pointer after the return, where it is known.
        registers: All registers that are known after the return, by WinDbg's name.
    """

    address: int
    sp: int
    trust: FrameTrust
    fp: int | None = None
    registers: Mapping[str, int] = MappingProxyType({})


class Leg(NamedTuple):
    """A piece of stack without interruption, to be walked.

    Attributes:
        shapes: What was found on the whole stack.
        state: Registers of the innermost frame.
        limit: Address where the piece ends.
        anchored: Whether it ends at a trap frame, where the call chain should end, and not just where nothing more is
            known.
        frame_size: Says for a return address in an image that is at hand how many bytes lie between the stack pointer
            there and the slot of the next return address; None where it does not know.
    """

    view: StackView
    shapes: Shapes
    state: State
    limit: int
    anchored: bool
    frame_size: Callable[[int], int | None] | None = None


def no_exact_step(_code: Code, _memory: AddressSpace, _state: State) -> NotUnwound:
    """Where nobody looked for images: there is no step that does not guess."""
    return NotUnwound.NO_CODE


class Architecture(NamedTuple):
    """How stacks of an architecture are read.

    Attributes:
        shapes: Finds known structures on the stack.
        returns: Whether an address can be a return address: in code, behind a CALL; None where that code is not there.
        steps: Ways to find callers, the most trustworthy first. Each gives as many as it can, innermost first; the
            next one goes on from there.
        exact: The step to the caller by what images and symbols say, or why they do not lead on. The second argument
            is all memory of the dump.
        frame_size: What images say of the frame that a return address belongs to (see Leg).
    """

    shapes: Callable[[StackView], Shapes]
    returns: Callable[[StackView, int], bool | None]
    steps: Sequence[Callable[[Leg], list[Caller]]]
    exact: Callable[[Code, AddressSpace, State], ExactStep | NotUnwound] = no_exact_step
    frame_size: Callable[[Code, int], int | None] | None = None


def state_of(registers: Registers) -> State | None:
    """The registers that a walk starts from, or None where program counter or stack pointer are not known."""
    machine, values = registers.machine, registers.values
    pc, sp = values.get(machine.pc), values.get(machine.sp)
    if pc is None or sp is None:
        return None
    return State(pc, sp, registers.fp, values.get("lr"), {**values, **registers.vectors})
