"""What the code behind a return address does to the stack, up to its return.

The code is run forward with symbols for values: the stack pointer and its copies are known relative to what registers
held at the start, saved registers as the words that they are restored from. Both ways of each branch are followed, the
near one first. The first return that is reached says how far up the function's own return address lies, and which
registers its caller gets back from where. Source: Microsoft's x64 calling convention, "Prolog and epilog".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from smalldump.unwind.instructions import VOLATILE, Instruction, Instructions, Kind

__all__ = ["Behaviour", "Place", "simulate"]

_MOST = 400
"""Instructions that are run at most; a block of a dump holds about seventy."""
_FIRST_LOOK = 24
_SAVED = ("rbx", "rbp", "rsi", "rdi", "r12", "r13", "r14", "r15")


class Place(NamedTuple):
    """What a register held at the start, and a distance; `loaded` is the word there and not the address itself."""

    register: str
    distance: int = 0
    loaded: bool = False

    def moved(self, by: int) -> Place | None:
        """The place `by` bytes further up; None where this is not an address."""
        return None if self.loaded else Place(self.register, self.distance + by)


Values = dict[str, Place | None]


class Behaviour(NamedTuple):
    """What the code behind an address does.

    Attributes:
        returns: The slot of the function's own return address; None where no return is reached.
        restored: What its caller finds in the registers that calls preserve; None is not known.
        accesses: Where it reads or writes memory: a register that holds what it held at the start, and a distance.
        extent: The highest distance from the stack pointer that it touches or points to.
        enters: Whether a function begins there.
        undefined: Whether it uses registers that a call leaves undefined, or is no code at all.
    """

    returns: Place | None = None
    restored: Mapping[str, Place | None] = MappingProxyType({})
    accesses: frozenset[tuple[str, int]] = frozenset()
    extent: int = 0
    enters: bool = False
    undefined: bool = False


def simulate(code: Instructions, address: int, *, after_call: bool = True) -> Behaviour:
    """Run the code at `address` to its return.

    Args:
        after_call: Whether a call just returned there: then no prologue can follow.
    """
    run = _Run(code, after_call)
    final = run.to_return(address)
    undefined, enters = _first_look(code, address) if after_call else (False, False)
    returns = None if final is None else final["rsp"]
    restored = {} if final is None else {name: final[name] for name in _SAVED}
    return Behaviour(returns, restored, frozenset(run.accesses), run.extent, enters, undefined)


class _Run:
    def __init__(self, code: Instructions, after_call: bool) -> None:
        self.code, self.after_call = code, after_call
        self.accesses: set[tuple[str, int]] = set()
        self.extent = 0
        self.waiting: list[tuple[int, Values]] = []
        self.seen: set[int] = set()

    def to_return(self, address: int) -> Values | None:
        """The values in the registers at the first return, before it takes its address."""
        self.waiting = [(address, {name: Place(name) for name in (*_SAVED, "rsp")})]
        final: Values | None = None
        while self.waiting and final is None:
            final = self._path(*self.waiting.pop())
        return final

    # Along one path until it returns (then the values there), or ends otherwise.
    def _path(self, address: int, values: Values) -> Values | None:
        while address not in self.seen and len(self.seen) < _MOST:
            self.seen.add(address)
            step, following = self.code.at(address) or (_NOTHING, 0)
            if step.kind is Kind.RETURN or (step.kind is Kind.JUMP and _left(values)):
                return values if values["rsp"] is not None else None
            if step.kind is Kind.BRANCH and step.target is not None:
                self.waiting.append((step.target, dict(values)))
            elif step.kind is Kind.JUMP and step.target is not None:
                following = step.target
            elif step.kind in _ENDS or (self.after_call and _begins(step)):
                return None
            else:
                self._apply(step, values)
            address = following
        return None

    def _apply(self, step: Instruction, values: Values) -> None:
        base = values.get(step.base) if step.base else None
        if base is not None and not base.loaded:
            self._note(step, base.register, base.distance + step.displacement)
        _EFFECTS.get(step.kind, _forget)(step, values, base)

    def _note(self, step: Instruction, register: str, distance: int) -> None:
        if step.kind is not Kind.MOVE:
            self.accesses.add((register, distance))
        if register == "rsp" != step.written:
            self.extent = max(self.extent, distance)


_NOTHING = Instruction(Kind.STOP)
_ENDS = (Kind.STOP, Kind.JUMP)


# Whether an epilogue has run: a jump from there leaves the function. It has popped an odd number of words in all.
def _left(values: Values) -> bool:
    sp = values["rsp"]
    return sp is not None and (sp.register != "rsp" or (sp.distance > 0 and sp.distance % 16 == 8))


def _begins(step: Instruction) -> bool:
    return step.kind is Kind.PUSH or (
        step.kind is Kind.MOVE and step.written == "rsp" == step.base and step.displacement < 0
    )


def _call(_: Instruction, values: Values, __: Place | None) -> None:
    for name in VOLATILE:
        values.pop(name, None)


def _push(_: Instruction, values: Values, __: Place | None) -> None:
    sp = values["rsp"]
    values["rsp"] = sp and sp.moved(-8)


def _pop(step: Instruction, values: Values, _: Place | None) -> None:
    sp = values["rsp"]
    values["rsp"] = sp and sp.moved(8)
    if step.written:
        values[step.written] = sp and sp._replace(loaded=True)


def _leave(step: Instruction, values: Values, _: Place | None) -> None:
    frame = values.get("rbp")
    values["rsp"] = frame if frame and not frame.loaded else None
    _pop(step._replace(written="rbp"), values, None)


def _move(step: Instruction, values: Values, base: Place | None) -> None:
    values[step.written or ""] = base and base.moved(step.displacement)


def _load(step: Instruction, values: Values, base: Place | None) -> None:
    there = base and base.moved(step.displacement)
    values[step.written or ""] = there and there._replace(loaded=True)


def _forget(step: Instruction, values: Values, _: Place | None) -> None:
    for name in step.sets:
        values[name] = None


_EFFECTS: Mapping[Kind, Callable[[Instruction, Values, Place | None], None]] = {
    Kind.CALL: _call,
    Kind.PUSH: _push,
    Kind.POP: _pop,
    Kind.LEAVE: _leave,
    Kind.MOVE: _move,
    Kind.LOAD: _load,
}
_STRAIGHT = (Kind.OTHER, Kind.MOVE, Kind.LOAD, Kind.POP)


# Whether the straight code in front uses what nobody has set, and whether it is a prologue.
def _first_look(code: Instructions, address: int) -> tuple[bool, bool]:
    defined: set[str] = set()
    undefined = code.is_none(address)
    for _ in range(_FIRST_LOOK):
        step, address = code.at(address) or (_NOTHING, 0)
        undefined = undefined or bool(step.reads - defined)
        if _begins(step):
            return undefined, True
        if step.kind not in _STRAIGHT:
            break
        defined |= step.sets
    return undefined, False
