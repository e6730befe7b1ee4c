"""The walk: from the registers of the crash outwards, and from the bug check to the crash. Knows no architecture."""

from __future__ import annotations

from smalldump.model import Absent, Registers, Snapshot, StackWindow
from smalldump.unwind.architecture import State, state_of
from smalldump.unwind.climb import Climb, Place, frames_of
from smalldump.unwind.code import Code
from smalldump.unwind.frames import CallStack, Frame, FrameTrust, Stacks, WalkEnd
from smalldump.unwind.lookup import NO_CODE, CodeLookup
from smalldump.unwind.registry import architecture_of
from smalldump.unwind.view import LONGEST_WINDOW, StackView

__all__ = ["walk", "walk_from"]


def walk(snapshot: Snapshot, lookup: CodeLookup = NO_CODE) -> Stacks:
    """Find the call stack of the thread that crashed.

    A stack that cannot be walked is empty or has only its first frame, and `end` says why. Takes time in proportion to
    the stack, of which at most 72 KiB are searched.

    Args:
        lookup: Images and symbols; without them frames are inferred from the stack and what code the dump holds.
    """
    registers, window = snapshot.contexts.crash, snapshot.stack
    crash = None if isinstance(registers, Absent) else state_of(registers)
    architecture, code = architecture_of(snapshot.machine, lookup), Code(snapshot.memory, snapshot.modules, lookup)
    if architecture is None:
        return _nothing((), WalkEnd.UNSUPPORTED)
    if crash is None or isinstance(registers, Absent):
        return _nothing((), WalkEnd.NO_CONTEXT)
    if isinstance(window, Absent) or crash.sp not in window:
        return _nothing(_first(snapshot, code, crash), WalkEnd.NO_STACK)
    stop = _stop(snapshot, registers, crash, window)
    climb = Climb(snapshot, architecture, StackView(snapshot, window, (stop or crash).sp, code), code)
    trap = climb.trap_before(crash, registers.address)
    dispatch = CallStack((), WalkEnd.SAME_CONTEXT)
    if stop is not None:
        dispatch = climb.stack(stop, crash.sp if trap is None else trap.start)
        crash = _completed(crash, climb.arrived)
    return Stacks(climb.stack(crash), dispatch, None if trap is None else trap.start)


def walk_from(
    snapshot: Snapshot, registers: Registers, window: StackWindow | Absent, lookup: CodeLookup = NO_CODE
) -> CallStack:
    """The call stack from any registers on, for example those of another processor or a waiting thread."""
    state, code = state_of(registers), Code(snapshot.memory, snapshot.modules, lookup)
    architecture = architecture_of(snapshot.machine, lookup)
    if architecture is None:
        return CallStack((), WalkEnd.UNSUPPORTED)
    if state is None:
        return CallStack((), WalkEnd.NO_CONTEXT)
    if state.sp < snapshot.machine.kernel_start:
        return CallStack(_first(snapshot, code, state), WalkEnd.USER_MODE)
    if isinstance(window, Absent) or state.sp not in window:
        return CallStack(_first(snapshot, code, state), WalkEnd.NO_STACK)
    return Climb(snapshot, architecture, StackView(snapshot, window, state.sp, code), code).stack(state)


def _nothing(frames: tuple[Frame, ...], end: WalkEnd) -> Stacks:
    return Stacks(CallStack(frames, end), CallStack((), end), None)


# A trap frame saves only some registers; what ran because of the failure has preserved the others.
def _completed(crash: State, arrived: State | None) -> State:
    if arrived is None or (arrived.pc, arrived.sp) != (crash.pc, crash.sp):
        return crash
    return crash._replace(registers={**arrived.registers, **crash.registers})


# The engine's registers lie at or below the crash's. Where the writer replaced them (0x1000007E) the window still
# begins at the stack pointer of KeBugCheckEx, with its return address.
def _stop(snapshot: Snapshot, registers: Registers, crash: State, window: StackWindow) -> State | None:
    for other in (snapshot.contexts.prcb, snapshot.contexts.header):
        state = None if isinstance(other, Absent) else state_of(other)
        if state is not None and state.sp in window and 0 < crash.sp - state.sp < LONGEST_WINDOW:
            return state
    top = int.from_bytes(window.data[: snapshot.machine.pointer], "little")
    if registers.address is not None and window.start < crash.sp and snapshot.modules.at(top) is not None:
        return State(None, window.start)
    return None


def _first(snapshot: Snapshot, code: Code, state: State) -> tuple[Frame, ...]:
    places = [] if state.pc is None else [Place(state.pc, state.sp, FrameTrust.CONTEXT, True)]
    return frames_of(snapshot, code, places)
