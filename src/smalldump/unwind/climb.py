"""The climb up one stack: exact steps as far as images lead, then a scan up to the next trap frame, and so on.

The stack is cut into pieces at the trap frames on it: below one lies what the interruption ran, and its registers
are those of the interrupted code, where the walk goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from smalldump.model import Absent, Snapshot, StackWindow
from smalldump.unwind.architecture import Architecture, Caller, Interruption, Leg, State
from smalldump.unwind.code import Code
from smalldump.unwind.frames import CallStack, Frame, FrameTrust, WalkEnd
from smalldump.unwind.unwound import NotUnwound
from smalldump.unwind.view import LONGEST_WINDOW, StackView

__all__ = ["Climb", "Place", "frames_of"]

_MOST_FRAMES = 4096
_MOST_STACKS = 8


class Place(NamedTuple):
    """Where a frame is, before anybody says what is there.

    Attributes:
        interrupted: Whether `pc` is the next instruction of code that was interrupted, and no return address.
    """

    pc: int
    sp: int
    trust: FrameTrust
    interrupted: bool = False


class Climb:
    """The walk over one view of a stack.

    Attributes:
        arrived: Registers with which exact steps reached the limit of the last walk, or None.
        stuck: Why the last exact step was not possible; None where it led nowhere.
        stacks: How many other stacks the walk went on to.
    """

    def __init__(self, snapshot: Snapshot, architecture: Architecture, view: StackView, code: Code) -> None:
        self.snapshot, self.architecture, self.view, self.code = snapshot, architecture, view, code
        self.shapes = architecture.shapes(view)
        self.arrived: State | None = None
        self.stuck: NotUnwound | None = None
        self.stacks = 0

    def trap_before(self, crash: State, address: int | None) -> Interruption | None:
        """The trap frame that was made when the code of the state `crash` was interrupted."""
        traps = self.shapes.interruptions
        return next((trap for trap in traps if trap.start == address or trap.state.sp == crash.sp), None)

    def stack(self, state: State, limit: int | None = None) -> CallStack:
        """The frames from `state` on, those below `limit` only."""
        places = [] if state.pc is None else [Place(state.pc, state.sp, FrameTrust.CONTEXT, True)]
        self.arrived = None
        while True:
            state, end = self._exact(state, limit, places)
            if end is None:
                state, end = self._scanned(state, limit, places)
            if end is not None:
                return CallStack(frames_of(self.snapshot, self.code, places), end)

    # Steps that unwind information proves, as far as there are any.
    def _exact(self, state: State, limit: int | None, places: list[Place]) -> tuple[State, WalkEnd | None]:
        while len(places) < _MOST_FRAMES:
            step = self.architecture.exact(self.code, self.snapshot.memory, state)
            if isinstance(step, NotUnwound):
                self.stuck = step
                return state, None
            outer = step.state
            if limit is not None and self._beyond(outer, limit):
                self.arrived = outer
                return outer, WalkEnd.CRASH_CONTEXT
            if not outer.pc:
                return outer, WalkEnd.STACK_BASE
            if not outer.interrupted and not self._returns(outer.pc, step.proved):
                self.stuck = None
                return state, None  # the stack is not what the unwind information says: overwritten, perhaps
            # A frame is no surer than the one that it was found from.
            trust = min(step.trust, places[-1].trust) if places else step.trust
            places.append(Place(outer.pc, outer.sp, trust, outer.interrupted))
            if outer.pc < self.snapshot.machine.kernel_start:
                return outer, WalkEnd.USER_MODE
            if outer.sp == state.sp and outer.pc == state.pc:
                return outer, WalkEnd.NO_MORE_CANDIDATES
            state = outer
        return state, WalkEnd.LIMIT

    def _returns(self, address: int, proved: bool) -> bool:
        behind_call = self.architecture.returns(self.view, address)
        return proved if behind_call is None else behind_call

    # The frame whose stack pointer is at a trap frame is the handler's, which made it.
    def _beyond(self, outer: State, limit: int) -> bool:
        handler = not outer.interrupted and any(trap.start == limit for trap in self.shapes.interruptions)
        return outer.sp > limit if handler else outer.sp >= limit

    def _scanned(self, state: State, limit: int | None, places: list[Place]) -> tuple[State, WalkEnd | None]:
        if state.sp not in self.view and not self._change_stack(state.sp):
            return state, WalkEnd.OTHER_STACK
        trap = self._next_trap(state.sp, limit)
        border = trap.start if trap else self.view.end if limit is None else limit
        callers = self._callers(state, border)
        places += (Place(caller.address, caller.sp, caller.trust) for caller in callers)
        if trap is None or trap.start == limit:
            return state, self._end(callers, limit)
        state = trap.state
        if limit is not None and state.sp >= limit:
            return state, WalkEnd.CRASH_CONTEXT
        if state.pc is not None:
            places.append(Place(state.pc, state.sp, FrameTrust.CONTEXT, True))
        return state, WalkEnd.USER_MODE if trap.user else None

    # Deferred calls, some interrupts and double faults run on stacks of their own, which a dump may hold, too.
    def _change_stack(self, sp: int) -> bool:
        self.stacks += 1
        data = self.snapshot.memory.read_some(sp, LONGEST_WINDOW) if self.stacks < _MOST_STACKS else b""
        if len(data) < self.snapshot.machine.pointer:
            return False
        self.view = StackView(self.snapshot, StackWindow(sp, memoryview(data), Absent.NOT_APPLICABLE), sp, self.code)
        self.shapes = self.architecture.shapes(self.view)
        return True

    def _next_trap(self, sp: int, limit: int | None) -> Interruption | None:
        traps = self.shapes.interruptions
        return next((trap for trap in traps if trap.start >= sp and (limit is None or trap.start <= limit)), None)

    def _callers(self, state: State, border: int) -> list[Caller]:
        anchored = any(trap.start == border for trap in self.shapes.interruptions)
        size = self.architecture.frame_size
        told = None if size is None else partial(size, self.code)
        leg, callers = Leg(self.view, self.shapes, state, border, anchored, told), list[Caller]()
        for step in self.architecture.steps:
            callers += step(leg)
            if callers:
                last = callers[-1]
                leg = leg._replace(state=State(last.address, last.sp, last.fp, None, last.registers, interrupted=False))
        return callers

    def _end(self, callers: Sequence[Caller], limit: int | None) -> WalkEnd:
        if limit is not None:
            return WalkEnd.CRASH_CONTEXT
        if self.view.cut_short:
            return WalkEnd.LIMIT
        if not callers and self.stuck is NotUnwound.NO_STACK:
            return WalkEnd.OTHER_STACK
        if not callers:
            return WalkEnd.NO_MORE_CANDIDATES
        return WalkEnd.STACK_BASE if self.view.at_base else WalkEnd.END_OF_WINDOW


def frames_of(snapshot: Snapshot, code: Code, places: Sequence[Place]) -> tuple[Frame, ...]:
    """The frames at `places`, innermost first: each returns to the next, unless that one was interrupted."""
    outer = [*places[1:], None]  # behind the outermost frame nobody knows; places may be none at all
    returns = [None if place is None or place.interrupted else place.pc for place in outer]
    return tuple(_frame(snapshot, code, *pair) for pair in zip(places, returns, strict=False))


def _frame(snapshot: Snapshot, code: Code, place: Place, return_address: int | None) -> Frame:
    module = snapshot.modules.at(place.pc)
    unloaded = snapshot.unloaded_at(place.pc) if module is None else None
    owner = module or unloaded
    offset = None if owner is None else place.pc - owner.base
    name = code.name_at(place.pc if place.interrupted else place.pc - 1)
    return Frame(place.pc, place.sp, return_address, module, offset, unloaded, place.trust, name)
