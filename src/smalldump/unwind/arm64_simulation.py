"""What the ARM64 code behind a return address does to the stack, up to its return.

The code is run forward with symbols for values: the stack pointer and its copies are known relative to what registers
held at the start, restored registers as the words that they come from, or as what was stored there on the way. Both
ways of each branch are followed, the near one first. The first return that is reached says where the function's own
return address lies, what the stack pointer is behind it, and which registers its caller gets back from where.
Source: Microsoft's ARM64 calling convention, "Unwind" and "Stack layout".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from smalldump.unwind.arm64_code import Instruction, Kind, Words
from smalldump.unwind.simulation import Place

__all__ = ["SAVED", "Behaviour", "simulate"]

SAVED = (*(f"x{number}" for number in range(19, 29)), "fp")
"""General registers that a function gives back to its caller."""
_MOST = 300
"""Instructions that are run at most; a block of a dump holds sixty-four."""
_VOLATILE = (*(f"x{number}" for number in range(19)), "lr")
_FIRST_LOOK = 8

Values = dict[str | None, Place | None]


class Behaviour(NamedTuple):
    """What the code behind an address does.

    Attributes:
        link: The return address of the function; None where no return is reached or it comes from elsewhere.
        sp: The stack pointer behind the return.
        record: Where the frame record lies that is restored there; None where there is none.
        restored: What the caller finds in the registers that calls preserve; None is not known.
        accesses: Distances from the stack pointer of the words that it reads or writes.
        enters: Whether a function begins there.
        bare: Whether it returns without having had a frame.
        framed: Whether it uses the frame pointer as that of its own frame.
        pops: Whether a call right before the epilogue may have been one that takes the stack cookie away, and with it
            16 bytes that nothing else tells of.
        jumps: Whether it may leave by a jump with the link register as it was, having left the stack alone.
    """

    link: Place | None = None
    sp: Place | None = None
    record: Place | None = None
    restored: Mapping[str, Place | None] = MappingProxyType({})
    accesses: frozenset[int] = frozenset()
    enters: bool = False
    bare: bool = False
    framed: bool = False
    pops: bool = False
    jumps: bool = False


def simulate(code: Words, address: int, *, after_call: bool = True) -> Behaviour:
    """Run the code at `address` to its return.

    Args:
        after_call: Whether a call just returned there: then no prologue can follow, and the link register holds
            `address`.
    """
    run = _Run(code, after_call)
    final = run.to_return(address)
    accesses, enters = frozenset(run.accesses), after_call and _enters(code, address)
    if final is None:
        jumps = run.jumps and run.kept is None and not run.framed and not accesses
        return Behaviour(run.kept, accesses=accesses, enters=enters, framed=run.framed, jumps=jumps)
    link = final["lr"]
    record = final["fp"] if link and link.loaded else None
    paired = record is not None and record.loaded and link == record._replace(distance=record.distance + 8)
    return Behaviour(
        link,
        final["sp"],
        record._replace(loaded=False) if record and paired else None,
        {name: final[name] for name in SAVED},
        accesses,
        enters,
        link is None,
        run.framed,
        final["cookie"] is not None,
    )


class _Run:
    def __init__(self, code: Words, after_call: bool) -> None:
        self.code, self.after_call = code, after_call
        self.accesses: set[int] = set()
        self.framed = self.jumps = False
        self.kept: Place | None = None
        self.waiting: list[tuple[int, Values, dict[Place, Place | None]]] = []
        self.seen: set[int] = set()

    def to_return(self, address: int) -> Values | None:
        """The values in the registers at the first return."""
        values: Values = {name: Place(name) for name in (*SAVED, "sp")}
        values |= {"lr": None if self.after_call else Place("lr"), "cookie": None}
        self.waiting = [(address, values, {})]
        final: Values | None = None
        while self.waiting and final is None:
            final = self._path(*self.waiting.pop())
        return final

    # Along one path until it returns (then the values there), or ends otherwise.
    def _path(self, address: int, values: Values, stored: dict[Place, Place | None]) -> Values | None:
        while address not in self.seen and len(self.seen) < _MOST:
            self.seen.add(address)
            step = self.code.at(address) or _NOTHING
            if step.kind is Kind.RETURN or (step.kind is Kind.JUMP and _left(values)):
                values["lr"] = values.get(step.base or "lr")
                return values if values["sp"] is not None else None
            if step.kind is Kind.BRANCH and step.target is not None:
                values["cookie"] = None
                self.waiting.append((address + step.target, dict(values), dict(stored)))
            elif step.kind is Kind.JUMP and step.target is not None and self.code.at(address + step.target):
                address += step.target
                continue
            elif step.kind is Kind.JUMP and (values["lr"], values["sp"]) == (_LINK, Place("sp")):
                self.jumps = True
                return None
            elif step.kind in _ENDS or (self.after_call and _begins(step)):
                return None
            else:
                self._apply(step, values, stored)
            address += 4
        return None

    def _apply(self, step: Instruction, values: Values, stored: dict[Place, Place | None]) -> None:
        base = values.get(step.base) if step.base else None
        there = base and base.moved(step.distance)
        if step.kind is Kind.CALL:
            values.update(_CALLED)
        elif step.kind is Kind.MOVE:
            self._note(step, there, pointed=True)
            values.update(dict.fromkeys(step.registers, there))
        else:
            self._note(step, there)
            self._transfer(step, values, stored, there)
            if step.change and step.base:
                values[step.base] = base and base.moved(step.change)

    def _transfer(
        self, step: Instruction, values: Values, stored: dict[Place, Place | None], there: Place | None
    ) -> None:
        for number, name in enumerate(step.registers):
            word = there and there.moved(8 * number)
            if step.kind is Kind.STORE:
                value, values["cookie"] = values.get(name), None
                if word is not None:
                    stored[word] = value
                if name == "lr" and value == _LINK and word is not None and word.register == "sp":
                    self.kept = value
            elif name is not None:
                loaded = word and word._replace(loaded=True)
                values[name] = stored.get(word, loaded) if word and step.kind is Kind.LOAD else None

    def _note(self, step: Instruction, there: Place | None, *, pointed: bool = False) -> None:
        self.framed = self.framed or step.base == "fp" == (there and there.register)
        if there is None or there.register != "sp" or (pointed and "sp" in step.registers):
            return
        if not pointed:
            self.accesses.update(there.distance + 8 * number for number in range(max(len(step.registers), 1)))


_NOTHING = Instruction(Kind.STOP)
_LINK = Place("lr")
_CALLED: Values = {**dict.fromkeys(_VOLATILE), "cookie": _LINK}
_ENDS = (Kind.STOP, Kind.JUMP)


# Whether an epilogue has run: a jump from there leaves the function.
def _left(values: Values) -> bool:
    link, sp = values["lr"], values["sp"]
    return link is not None and link.loaded and sp is not None and (sp.register != "sp" or sp.distance > link.distance)


# Whether a prologue begins: the return address is signed, or room is made on the stack.
def _begins(step: Instruction) -> bool:
    return step.kind is Kind.SIGN or (
        step.base == "sp"
        and ((step.kind is Kind.MOVE and step.registers == ("sp",) and step.distance < 0) or step.change < 0)
    )


def _enters(code: Words, address: int) -> bool:
    for at in range(_FIRST_LOOK):
        step = code.at(address + 4 * at) or _NOTHING
        if _begins(step):
            return True
        if step.kind not in _STRAIGHT:
            break
    return False


_STRAIGHT = (Kind.OTHER, Kind.MOVE, Kind.LOAD, Kind.STORE)
