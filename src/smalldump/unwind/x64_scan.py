"""Call chains of x64 without images: values that may be return addresses, and what the code behind them says.

Functions keep the stack aligned: at each CALL the stack pointer is a multiple of 16, so a return address lies in a
slot whose address is 8 more than one. A function that calls has at least the home space of its callee below its own
return address. Source: Microsoft's x64 calling convention.

Where the dump holds the code behind a candidate, running it forward says exactly where the next one lies, and a chain
of such links from the registers of the crash on is proved. Candidates whose link leads nowhere are old ones; how many
of them there are says how much to trust those that cannot be tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import log

from smalldump.model.machine import X64
from smalldump.unwind.architecture import Caller, Leg
from smalldump.unwind.callsite import CallSite, call_site, x86_call
from smalldump.unwind.epilogue import REACH, frame_size
from smalldump.unwind.frames import FrameTrust
from smalldump.unwind.instructions import Instructions, can_decode
from smalldump.unwind.scan import CALL_SEEN, SLOT, Candidate, Left, Link, best_chain
from smalldump.unwind.simulation import Behaviour, Place, simulate

__all__ = ["by_scan"]

_LEAST = 0x30
"""Bytes between return addresses: home space of the callee, alignment, and the slot itself."""
_ALIGNED = {0: 0.7, 8: 0.35, 4: 0.2, 2: 0.0, 1: 0.0}
"""What an address loses by its lowest bit: data and functions are aligned, places behind a CALL are not."""
_UNDEFINED, _ENTERS, _EMPTY = 3.0, 4.0, 1.0
"""Doubt where the code uses what a call leaves undefined, begins a function, or returns without having had a frame."""
_CONTRADICTED = 8.0
"""What a step costs against which the code speaks: it uses the slot for something else, or its frame is larger."""
_ARGUMENTS = 0x98
"""How far beyond its own return address a function may reach: the arguments on the stack."""
_TESTED_GOOD, _TESTED_BAD = 4.0, 0.25
_PER_TRUST, _LEAST_TRUST, _MOST_TRUST = 0.4, -0.3, 0.8
_NEAR_BASE = 0x100
"""How far below the base of the stack the first function of a thread may be entered."""
_SEARCHED = 512
"""Words in which a saved frame pointer is looked for."""
_NO_CODE = Behaviour()
_UNTOLD = Left(None)
_decode = partial(x86_call, mask=X64.mask)


def by_scan(leg: Leg) -> list[Caller]:
    """The best chain of possible return addresses; where the code behind one is there, it says where the next lies."""
    return _Scan(leg).callers()


class _Scan:
    def __init__(self, leg: Leg) -> None:
        self.leg, self.view, self.memory = leg, leg.view, leg.view.memory
        self.code = Instructions(self.memory)
        self.behaviours: dict[int, Behaviour] = {}
        self.sites: dict[int, CallSite] = {}
        self.candidates = list(self._candidates())
        self.slots = {candidate.slot for candidate in self.candidates}

    def callers(self) -> list[Caller]:
        """The chain, innermost first."""
        leg, first = self.leg, self._first()
        chain = best_chain(
            self._weighed(),
            leg.state.sp,
            _LEAST,
            first=first.next,
            last=leg.limit - 8 if leg.anchored else None,
            registers=first.registers,
            proved=first.proved,
            leave=self._leave,
            toll=self._toll,
        )
        return list(self._trusted(chain))

    def _trusted(self, chain: Sequence[Link]) -> Iterator[Caller]:
        proved = True
        for link in chain:
            proved = proved and link.exact
            trust = FrameTrust.CALL_PROVED if proved or self._called_here(link) else FrameTrust.SCAN
            yield Caller(link.address, link.slot + 8, trust, link.registers.get("rbp"), link.registers)

    # Whether this is where the CALL of the function that has only just been entered returns to.
    def _called_here(self, link: Link) -> bool:
        state, target = self.leg.state, self.sites[link.address].target
        return link.slot == state.sp and target is not None and target == state.pc

    # Candidates

    def _candidates(self) -> Iterator[Candidate]:
        for slot, address in self._possible():
            site = self.sites[address] = self.sites.get(address) or call_site(self.memory, address, _decode)
            if site.found is not False:
                worth = SLOT + (CALL_SEEN if site.found else 0) - _ALIGNED[address & -address & 15]
                yield Candidate(slot, address, worth, None, _doubt(self._behaviour(address)))

    def _possible(self) -> Iterator[tuple[int, int]]:
        view, leg = self.view, self.leg
        parity = (view.start // 8 + 1) % 2
        # What handles an exception keeps copies of its address.
        interrupted = {trap.state.pc for trap in leg.shapes.interruptions}
        for at, value in view.pointers_in(leg.state.sp, leg.limit):
            owner = view.code_owner(value) if at % 2 == parity else None
            # A value right above the base of its own module is part of a table for unwinding.
            if owner is None or (at and view.words[at - 1] == owner.base):
                continue
            slot = view.start + 8 * at
            if value not in interrupted and not leg.shapes.ranges.at(slot):
                yield slot, value

    def _behaviour(self, address: int) -> Behaviour:
        found = self.behaviours.get(address)
        if found is None:
            found = self.behaviours[address] = self._looked_at(address)
        return found

    def _looked_at(self, address: int) -> Behaviour:
        code = self.memory.read_some(address, REACH)
        if not code:
            return _NO_CODE
        if can_decode():
            return simulate(self.code, address)
        size = frame_size(code)
        return Behaviour(None if size is None else Place("rsp", size))

    # Of the candidates that can be tested, the share whose frame ends at another candidate tells how many are true.
    def _weighed(self) -> list[Candidate]:
        known = [link for candidate in self.candidates if (link := self._tested(candidate)) is not None]
        if not known:
            return self.candidates
        good = _TESTED_GOOD + sum(slot in self.slots for slot in known)
        odds = log(good / (_TESTED_GOOD + len(known) + _TESTED_BAD - good))
        change = min(max(_PER_TRUST * odds, _LEAST_TRUST), _MOST_TRUST) - SLOT
        return [candidate._replace(worth=candidate.worth + change) for candidate in self.candidates]

    def _tested(self, candidate: Candidate) -> int | None:
        returns = self._behaviour(candidate.address).returns
        if returns is None or returns.register != "rsp" or returns.distance <= 0:
            return None
        slot = candidate.slot + 8 + returns.distance
        return slot if slot < self.leg.limit - _NEAR_BASE else None

    # Links

    # A stack pointer that is no multiple of 16 is one before the prologue or of a function that calls none: the return
    # address lies right there.
    def _first(self) -> Left:
        state = self.leg.state
        if state.pc is not None and self.memory.read_some(state.pc, 1) and can_decode():
            registers = {**state.registers, "rsp": state.sp}
            if state.fp is not None:
                registers["rbp"] = state.fp
            left = self._left(simulate(self.code, state.pc, after_call=not state.interrupted), registers)
            if left.next is not None and left.next % 16 == 8 and left.next >= state.sp:
                return left
        return Left(state.sp if state.sp in self.slots else None, proved=False)

    def _leave(self, candidate: Candidate, registers: Mapping[str, int]) -> Left:
        sp, told = candidate.slot + 8, self.leg.frame_size
        left = self._simulated(candidate, registers)
        size = None if told is None else told(candidate.address)
        return left if size is None or left.next == sp + size else Left(sp + size)

    def _simulated(self, candidate: Candidate, registers: Mapping[str, int]) -> Left:
        behaviour, sp = self._behaviour(candidate.address), candidate.slot + 8
        returns = behaviour.returns
        if returns is not None and returns.register != "rsp" and returns.register not in registers:
            return self._inferred(candidate, returns)
        left = self._left(behaviour, {**registers, "rsp": sp})
        if left.next is None or left.next % 16 != 8 or left.next <= sp:
            return _UNTOLD
        return left._replace(root=self.view.word(left.next) == 0 or left.next >= self.leg.limit - _NEAR_BASE)

    # A frame pointer that nobody knows was saved on the stack by a function further in: of the saved words that lead to
    # a possible return address the last one.
    def _inferred(self, candidate: Candidate, returns: Place) -> Left:
        last, first = self.view.index(candidate.slot), self.view.index(self.leg.state.sp)
        for word in reversed(self.view.words[max(first, last - _SEARCHED) : last]):
            if word > candidate.slot and word + returns.distance in self.slots:
                return Left(word + returns.distance, {returns.register: word}, proved=False)
        return _UNTOLD

    def _left(self, behaviour: Behaviour, registers: Mapping[str, int]) -> Left:
        slot = behaviour.returns and self._value(behaviour.returns, registers)
        if slot is None:
            return _UNTOLD
        given = {name: place and self._value(place, registers) for name, place in behaviour.restored.items()}
        return Left(slot, {name: value for name, value in given.items() if value is not None})

    def _value(self, place: Place, registers: Mapping[str, int]) -> int | None:
        base = registers.get(place.register)
        if base is None:
            return None
        address = base + place.distance & X64.mask
        return self.view.word(address) if place.loaded else address

    def _toll(self, inner: Candidate, registers: Mapping[str, int], outer: int) -> float:
        behaviour, sp = self._behaviour(inner.address), inner.slot + 8
        if behaviour.extent > outer - sp + _ARGUMENTS:
            return _CONTRADICTED
        for name, distance in behaviour.accesses:
            base = sp if name == "rsp" else registers.get(name)
            if base is not None and base + distance == outer:
                return _CONTRADICTED
        return 0.0


def _doubt(behaviour: Behaviour) -> float:
    if behaviour.enters:
        return _ENTERS
    return (behaviour.undefined and _UNDEFINED) + (behaviour.returns == Place("rsp", 0) and _EMPTY)
