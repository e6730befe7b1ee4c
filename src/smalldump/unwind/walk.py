"""The walk: from the registers of the crash outwards, and from the bug check to the crash. Knows no architecture.

The stack is cut into pieces at the trap frames on it: below one lies what the interruption ran, and its registers
are those of the interrupted code, where the walk goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smalldump.model import Absent, Registers, Snapshot, StackWindow
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.unwind import arm64, x64, x86
from smalldump.unwind.architecture import Architecture, Caller, Interruption, Leg, State, state_of
from smalldump.unwind.frames import CallStack, Frame, FrameTrust, Stacks, WalkEnd
from smalldump.unwind.view import LONGEST_WINDOW, StackView

__all__ = ["CallStack", "Frame", "FrameTrust", "Stacks", "WalkEnd", "walk"]

_ARCHITECTURES: Mapping[Machine, Architecture] = {
    X64: x64.ARCHITECTURE,
    X86: x86.ARCHITECTURE,
    ARM64: arm64.ARCHITECTURE,
}


def walk(snapshot: Snapshot) -> Stacks:
    """Find the call stack of the thread that crashed, without images or symbols.

    A stack that cannot be walked is empty or has only its first frame, and `end` says why. Takes time in proportion to
    the stack, of which at most 128 KiB are searched.
    """
    registers, window = snapshot.contexts.crash, snapshot.stack
    crash = None if isinstance(registers, Absent) else state_of(registers)
    architecture = _ARCHITECTURES.get(snapshot.machine)
    if architecture is None:
        return _nothing((), WalkEnd.UNSUPPORTED)
    if crash is None or isinstance(registers, Absent):
        return _nothing((), WalkEnd.NO_CONTEXT)
    if isinstance(window, Absent) or crash.sp not in window:
        return _nothing(_first(snapshot, crash), WalkEnd.NO_STACK)
    stop = _stop(snapshot, registers, crash, window)
    view = StackView(snapshot, window, (stop or crash).sp)
    climb = _Climb(snapshot, architecture, view)
    trap = climb.trap_before(crash, registers.address)
    dispatch = CallStack((), WalkEnd.SAME_CONTEXT)
    if stop is not None:
        dispatch = climb.stack(stop, crash.sp if trap is None else trap.start)
    return Stacks(climb.stack(crash), dispatch, None if trap is None else trap.start)


def _nothing(frames: tuple[Frame, ...], end: WalkEnd) -> Stacks:
    return Stacks(CallStack(frames, end), CallStack((), end), None)


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


def _first(snapshot: Snapshot, state: State) -> tuple[Frame, ...]:
    return () if state.pc is None else (_frame(snapshot, state.pc, state.sp, FrameTrust.CONTEXT, None),)


def _frame(snapshot: Snapshot, pc: int, sp: int, trust: FrameTrust, return_address: int | None) -> Frame:
    module = snapshot.modules.at(pc)
    unloaded = snapshot.unloaded_at(pc) if module is None else None
    owner = module or unloaded
    return Frame(pc, sp, return_address, module, None if owner is None else pc - owner.base, unloaded, trust)


class _Climb:
    """The walk over one view of the stack."""

    def __init__(self, snapshot: Snapshot, architecture: Architecture, view: StackView) -> None:
        self.snapshot, self.architecture, self.view = snapshot, architecture, view
        self.shapes = architecture.shapes(view)

    def trap_before(self, crash: State, address: int | None) -> Interruption | None:
        """The trap frame that was made when the code of the state `crash` was interrupted."""
        traps = self.shapes.interruptions
        return next((trap for trap in traps if trap.start == address or trap.state.sp == crash.sp), None)

    def stack(self, state: State, limit: int | None = None) -> CallStack:
        """The frames from `state` on, those below `limit` only."""
        frames: list[Frame] = []
        while True:
            trap = self._next_trap(state.sp, limit)
            border = trap.start if trap else self.view.end if limit is None else limit
            callers = self._callers(state, border)
            frames += self._frames(state, callers)
            if trap is None or (limit is not None and trap.start == limit):
                return CallStack(tuple(frames), self._end(callers, limit))
            state = trap.state
            if limit is not None and state.sp >= limit:
                return CallStack(tuple(frames), WalkEnd.CRASH_CONTEXT)
            if trap.user or state.sp < trap.end or state.sp not in self.view:
                frames += _first(self.snapshot, state)
                return CallStack(tuple(frames), WalkEnd.USER_MODE if trap.user else WalkEnd.OTHER_STACK)

    def _next_trap(self, sp: int, limit: int | None) -> Interruption | None:
        traps = self.shapes.interruptions
        return next((trap for trap in traps if trap.start >= sp and (limit is None or trap.start <= limit)), None)

    def _callers(self, state: State, border: int) -> list[Caller]:
        anchored = any(trap.start == border for trap in self.shapes.interruptions)
        leg, callers = Leg(self.view, self.shapes, state, border, anchored), list[Caller]()
        for step in self.architecture.steps:
            callers += step(leg)
            if callers:
                last = callers[-1]
                leg = leg._replace(state=State(last.address, last.sp, last.fp))
        return callers

    def _frames(self, state: State, callers: Sequence[Caller]) -> list[Frame]:
        places = [] if state.pc is None else [(state.pc, state.sp, FrameTrust.CONTEXT)]
        places += [(caller.address, caller.sp, caller.trust) for caller in callers]
        returns = [*(pc for pc, _, _ in places[1:]), None]
        return [_frame(self.snapshot, *place, address) for place, address in zip(places, returns, strict=False)]

    def _end(self, callers: Sequence[Caller], limit: int | None) -> WalkEnd:
        if limit is not None:
            return WalkEnd.CRASH_CONTEXT
        if self.view.cut_short:
            return WalkEnd.LIMIT
        if not callers:
            return WalkEnd.NO_MORE_CANDIDATES
        return WalkEnd.STACK_BASE if self.view.at_base else WalkEnd.END_OF_WINDOW
