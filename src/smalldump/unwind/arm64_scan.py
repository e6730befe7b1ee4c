"""Call chains of ARM64 without images: frame records, and what the code behind return addresses says.

Functions that call others save x30, mostly beside x29 as a frame record that x29 then points to; small ones save x30
alone and leave x29 to a frame further out. Where the dump holds the code behind a return address, running it forward
says exactly where the next one lies, and a chain of such links from the registers of the crash on is proved. Else the
record that x29 points to is one of the next, and what lies before it is weighed. Source: Microsoft's ARM64 calling
convention.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import log
from typing import NamedTuple

from smalldump.model.machine import ARM64
from smalldump.unwind.architecture import Caller, Leg
from smalldump.unwind.arm64_candidates import possible, returns, without_authentication
from smalldump.unwind.arm64_code import Words
from smalldump.unwind.arm64_simulation import SAVED, Behaviour, simulate
from smalldump.unwind.callsite import arm64_call, call_site
from smalldump.unwind.frames import FrameTrust
from smalldump.unwind.scan import SLOT, Candidate, Left, best_chain
from smalldump.unwind.simulation import Place

__all__ = ["by_scan"]

_LEAST = 0x10
_COOKIE = 0x10
"""What a call that takes the stack cookie away adds to the stack pointer."""
_USUAL = 4
"""How many distances from return address to stack pointer are tried where that is not known."""
_TESTED_GOOD, _TESTED_BAD = 4.0, 0.25
_PER_TRUST, _LEAST_TRUST, _MOST_TRUST = 0.4, -0.3, 0.8
_UNCHAINED = 1.8
"""Doubt where the frame pointer leads past a slot."""
_UNFIT = 1.0
"""Doubt where no usual frame leads on from a slot."""
_NEAR_BASE = 0x100
"""How far below the base of the stack the first function of a thread may be entered."""
_NEAR = 0x800
"""How near the link register is to the function where a call in that same function may have left it behind."""
_ENTERS, _BARE = 4.0, 4.0
"""Doubt where the code begins a function, or returns without having had a frame."""
_CONTRADICTED = 8.0
"""What a step costs against which the code speaks: it uses the slot for something else."""
_UNTOLD = Left(None)
Registers = Mapping[str, int]


class _Here(NamedTuple):
    """Where the walk is.

    Attributes:
        pc: A return address, or for the innermost function where it was executing.
        registers: What is known of them there.
        low: Where the next return address lies at least.
        proved: Whether exact links led here.
        chained: Whether frame records and exact links led here.
    """

    pc: int
    registers: Registers
    low: int
    proved: bool = True
    chained: bool = True


def by_scan(leg: Leg) -> list[Caller]:
    """The chain of exact links and frame records, and behind them the best one of possible return addresses."""
    return list(_Scan(leg).callers())


class _Scan:
    def __init__(self, leg: Leg) -> None:
        self.leg, self.view, self.memory = leg, leg.view, leg.view.memory
        self.code = Words(self.memory)
        self.behaviours: dict[int, Behaviour] = {}
        self.candidates = list(possible(leg))
        self.tops: Sequence[int] | None = None
        self.fits: dict[int, bool | None] = {}
        self.worth = SLOT
        self.at = {candidate.slot: candidate for candidate in self.candidates}

    def callers(self) -> Iterator[Caller]:
        """The chain, innermost first."""
        here, behaviour = self._start()
        linked = self._by_link(here, behaviour)
        if linked is not None:
            here = linked
            trust = FrameTrust.CALL_PROVED if here.proved else FrameTrust.SCAN
            yield Caller(here.pc, here.registers.get("sp", here.low), trust, here.registers.get("fp"), here.registers)
            behaviour = self._behaviour(here.pc)
        way = self._way(here, behaviour)
        while way.next in self.at:
            yield from self._between(here, behaviour, way)
            here = self._arrived(here, way)
            yield Caller(here.pc, here.registers.get("sp", here.low), *_trust(here), here.registers)
            behaviour = self._behaviour(here.pc)
            way = self._way(here, behaviour)
        if here.registers.get("fp") != 0 and not (way.next is not None and (way.root or (here.proved and way.proved))):
            yield from self._chain(here.low, self._open(here, behaviour))

    # Where the walk begins

    def _start(self) -> tuple[_Here, Behaviour]:
        state = self.leg.state
        registers = {**state.registers, "sp": state.sp}
        registers |= {name: value for name, value in (("fp", state.fp), ("lr", state.link)) if value is not None}
        behaviour = _NOTHING
        if state.pc is not None:
            behaviour = simulate(self.code, state.pc, after_call=not state.interrupted)
        return _Here(state.pc or 0, registers, state.sp, state.interrupted), behaviour

    # The caller of the innermost function, where the code ahead leaves the return address in the link register or saves
    # it; the call that went to where the function is proves it as well.
    def _by_link(self, here: _Here, behaviour: Behaviour) -> _Here | None:
        address = without_authentication(here.registers.get("lr", 0))
        if returns(self.view, address) is False or not self._is_live(address, here, behaviour):
            return None
        site = call_site(self.memory, address, arm64_call)
        given = self._given(behaviour, here.registers) if behaviour.sp is not None else {}
        if site.target == here.pc:
            given = {name: value for name, value in here.registers.items() if name in _KEPT}
        return _Here(address, given or _frame_pointer(here), here.low, bool(given), True)

    # A call in the function itself leaves an address behind that is near; one that lies on the stack has been saved.
    def _is_live(self, address: int, here: _Here, behaviour: Behaviour) -> bool:
        if behaviour.link is not None:
            return behaviour.link == _LINK
        unknown = not self.memory.read_some(here.pc, 4)
        if not (behaviour.jumps or unknown) or abs(address - here.pc) < _NEAR:
            return False
        highest = here.registers.get("fp", 0) + 8
        return behaviour.jumps or all(c.address != address for c in self.candidates if c.slot <= highest)

    # Steps

    # A record that leads out of the stack is the last one, just as one that leads nowhere.
    def _arrived(self, here: _Here, way: Left) -> _Here:
        candidate = self.at[way.next or 0]
        record = here.registers.get("fp", 0) + 8 == candidate.slot
        registers = way.registers
        if record and registers.get("fp", 0) not in self.view:
            registers = {**registers, "fp": 0}
        chained = here.chained and (way.proved or record)
        return _Here(candidate.address, registers, candidate.slot + 8, here.proved and way.proved, chained)

    def _way(self, here: _Here, behaviour: Behaviour) -> Left:
        way = self._left(here.pc, behaviour, here.registers, here.low - 8)
        return way if way.next is None or way.next >= here.low else _UNTOLD

    def _left(self, pc: int, behaviour: Behaviour, registers: Registers, slot: int) -> Left:
        told = None if self.leg.frame_size is None else self.leg.frame_size(pc)
        link, exact = behaviour.link, _UNTOLD
        if link is not None and link.loaded and link.register in registers:
            exact = self._exactly(behaviour, link, registers)
        if told is not None and "sp" in registers and exact.next != registers["sp"] + told:
            return self._found(registers["sp"] + told, {}, True)
        if exact.next in self.at or (exact.next is not None and exact.proved):
            return exact
        return self._likely(behaviour, registers, slot)

    # Where it is not known whether the call before the epilogue takes the cookie away, the frame record tells, or that
    # only one of both places can hold a return address.
    def _exactly(self, behaviour: Behaviour, link: Place, registers: Registers) -> Left:
        shifts = [0, _COOKIE] if behaviour.pops else [0]
        if behaviour.record is not None and "fp" in registers and behaviour.record.register == link.register:
            told = registers["fp"] - registers[link.register] - behaviour.record.distance
            shifts = [told] if told in shifts else shifts
        slots = {shift: registers[link.register] + link.distance + shift for shift in shifts}
        hits = [shift for shift in shifts if slots[shift] in self.at] or shifts
        moved = {**registers, link.register: registers[link.register] + hits[0]}
        return self._found(
            slots[hits[0]],
            self._given(behaviour, moved),
            len(hits) == 1 and (len(shifts) == 1 or slots[0] < self.leg.limit - _NEAR_BASE),
        )

    def _found(self, slot: int, registers: Registers, proved: bool) -> Left:
        root = self.view.word(slot) == 0 or slot >= self.leg.limit - _NEAR_BASE
        return Left(slot, registers, proved, root)

    def _likely(self, behaviour: Behaviour, registers: Registers, slot: int) -> Left:
        fp = registers.get("fp", self._saved(slot))
        by_record = fp is not None and fp > slot and fp % 8 == 0 and fp + 8 in self.at
        link, record = behaviour.link, behaviour.record
        if by_record and fp is not None and record is not None and record.register == "sp":
            return Left(fp + 8, self._given(behaviour, {**registers, "fp": fp, "sp": fp - record.distance}), False)
        if link is not None and link.loaded and link.register == "sp" and "sp" not in registers:
            highest = fp if by_record and fp is not None else self.leg.limit
            for sp, place in self._guessed(behaviour, slot):
                if place in self.at and place < highest:
                    known = {"sp": sp} if fp is None else {"sp": sp, "fp": fp}
                    return Left(place, self._given(behaviour, {**registers, **known}), False)
        if by_record and fp is not None:
            saved = self.view.word(fp)
            return Left(fp + 8, {} if saved is None else {"fp": saved}, False)
        return _UNTOLD

    # What a frame record that ends with this slot says of the frame pointer.
    def _saved(self, slot: int) -> int | None:
        saved = self.view.word(slot - 8)
        return saved if saved is not None and saved > slot and saved + 8 in self.at else None

    def _given(self, behaviour: Behaviour, registers: Registers) -> Registers:
        places = {**behaviour.restored, "sp": behaviour.sp}
        given = {name: place and self._value(place, registers) for name, place in places.items()}
        return {name: value for name, value in given.items() if value is not None}

    def _value(self, place: Place, registers: Registers) -> int | None:
        base = registers.get(place.register)
        if base is None:
            return None
        address = base + place.distance & ARM64.mask
        return self.view.word(address) if place.loaded else address

    # Chains

    # Before the record that the frame pointer leads to there may be functions that keep none.
    def _between(self, here: _Here, behaviour: Behaviour, way: Left) -> Iterator[Caller]:
        record = way.next or 0
        if not way.proved and "sp" not in way.registers and not behaviour.framed:
            between = [
                c if self.view.word(c.slot - 8) == record - 8 else c._replace(doubt=_UNCHAINED)
                for c in self._open(here, behaviour)
                if c.slot < record - 8
            ]
            if between:
                yield from self._chain(here.low, [*between, self.at[record]], record)

    # The candidates further out that the code does not use for something else.
    def _open(self, here: _Here, behaviour: Behaviour) -> list[Candidate]:
        sp = here.registers.get("sp", 0)
        return [c for c in self.candidates if c.slot >= here.low and c.slot - sp not in behaviour.accesses]

    def _chain(self, low: int, candidates: Sequence[Candidate], last: int | None = None) -> Iterator[Caller]:
        ways = [c if c.slot == last else self._weighed(c) for c in candidates]
        chain = best_chain(ways, low, _LEAST, last=last, leave=self._leave, toll=self._toll)
        for link in chain:
            if link.slot != last:
                sp = link.registers.get("sp", link.slot + 8)
                yield Caller(link.address, sp, FrameTrust.SCAN, link.registers.get("fp"), link.registers)

    def _leave(self, candidate: Candidate, registers: Registers) -> Left:
        return self._left(candidate.address, self._behaviour(candidate.address), registers, candidate.slot)

    def _toll(self, inner: Candidate, registers: Registers, outer: int) -> float:
        sp = registers.get("sp")
        touched = sp is not None and outer - sp in self._behaviour(inner.address).accesses
        return _CONTRADICTED if touched else 0.0

    # How far above its return address a function leaves the stack pointer, as far as the code of this stack tells: the
    # usual distances first.
    def _tops(self) -> Sequence[int]:
        if self.tops is None:
            seen = (_top(self._behaviour(candidate.address)) for candidate in self.candidates)
            usual = Counter(top for top in seen if top is not None).most_common(_USUAL)
            self.tops = [top for top, _ in usual]
        return self.tops

    def _guessed(self, behaviour: Behaviour, slot: int) -> Iterator[tuple[int, int]]:
        link = behaviour.link
        if link is not None and link.loaded and link.register == "sp":
            for top in self._tops():
                sp = slot + 8 + top
                if sp % 16 == 0:
                    yield sp, sp + link.distance

    def _weighed(self, candidate: Candidate) -> Candidate:
        if not self.fits:
            self.fits = {c.slot: self._test(c) for c in self.candidates}
            self.worth = _worth([fits for fits in self.fits.values() if fits is not None])
        behaviour = self._behaviour(candidate.address)
        doubt = (behaviour.enters and _ENTERS) + (behaviour.bare and _BARE)
        doubt += _UNFIT if self.fits[candidate.slot] is False else 0
        return candidate._replace(worth=candidate.worth + self.worth - SLOT, doubt=candidate.doubt + doubt)

    # Whether a usual frame leads on from a candidate to another one; None where it cannot be tested.
    def _test(self, candidate: Candidate) -> bool | None:
        slots = [slot for _, slot in self._guessed(self._behaviour(candidate.address), candidate.slot)]
        if not slots or max(slots) >= self.leg.limit - _NEAR_BASE:
            return None
        return any(slot in self.at for slot in slots)

    def _behaviour(self, address: int) -> Behaviour:
        found = self.behaviours.get(address)
        if found is None:
            found = self.behaviours[address] = simulate(self.code, address)
        return found


_NOTHING = Behaviour()
_LINK = Place("lr")
_KEPT = frozenset({*SAVED, "sp"})


def _trust(here: _Here) -> tuple[FrameTrust, int | None]:
    trust = FrameTrust.FRAME_POINTER if here.chained else FrameTrust.SCAN
    return FrameTrust.CALL_PROVED if here.proved else trust, here.registers.get("fp")


def _frame_pointer(here: _Here) -> Registers:
    return {name: value for name, value in here.registers.items() if name == "fp"}


# The share of the candidates that passed the test tells how many are true.
def _worth(tests: Sequence[bool]) -> float:
    if not tests:
        return SLOT
    good = _TESTED_GOOD + sum(tests)
    odds = log(good / (_TESTED_GOOD + len(tests) + _TESTED_BAD - good))
    return min(max(_PER_TRUST * odds, _LEAST_TRUST), _MOST_TRUST)


def _top(behaviour: Behaviour) -> int | None:
    link, sp = behaviour.link, behaviour.sp
    if link is None or sp is None or not link.loaded or link.register != sp.register:
        return None
    return sp.distance - link.distance - 8
