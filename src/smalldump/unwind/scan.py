"""Scanning: the most likely call chain among the slots of a stack that may hold return addresses.

A chain is worth the sum of its slots and of the steps between them; the best one is found by dynamic programming,
in time proportional to the number of slots. Registers that the code of a frame gives back to its caller travel along.

The numbers are about logarithms of odds, and no probabilities. They were chosen on twelve emulated images and one real
stack, where most of them may be halved or doubled with little effect; no image has numbers of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import inf, log2
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["CALL_SEEN", "SLOT", "Candidate", "Left", "Link", "best_chain"]

SLOT = 0.45
"""Worth of a slot that holds a possible return address."""
CALL_SEEN = 0.7
"""Added where a CALL precedes the address."""
_PER_DOUBLING = 0.25
_TYPICAL = 0x80
_LINK_HIT, _LIKELY_HIT = 1.0, 2.5
"""What it adds that a return address is where the frame before it says; that a saved frame pointer leads to it."""
_LINK_MISSED, _LINK_REFUSED = 3.0, 20.0
"""What it costs that none can be where a frame says so; that the chain goes elsewhere although one can be there."""
_REACH = 12
_UNKNOWN: Mapping[str, int] = MappingProxyType({})


class Candidate(NamedTuple):
    """A slot that may hold a return address.

    Attributes:
        slot: Address of the slot.
        address: The value.
        worth: What the slot adds to a chain.
        next: The slot of the next return address, where something says so (a saved frame pointer, the code after the
            call); None where nothing does.
        doubt: What it loses unless an exact link leads to it.
    """

    slot: int
    address: int
    worth: float = SLOT
    next: int | None = None
    doubt: float = 0.0


class Left(NamedTuple):
    """How the function of a candidate is left.

    Attributes:
        next: The slot of its own return address, where that is known.
        registers: What its caller finds in the registers, as far as that is known.
        proved: Whether that follows from what is known of the function.
        root: Whether the chain may end here although `next` is no candidate: a thread's first function returns to
            nothing.
    """

    next: int | None
    registers: Mapping[str, int] = _UNKNOWN
    proved: bool = True
    root: bool = True


class Link(NamedTuple):
    """A return address of a chain.

    Attributes:
        exact: Whether the frame before it said that it is here.
        registers: What is known after the return.
    """

    slot: int
    address: int
    exact: bool
    registers: Mapping[str, int]


Leave = Callable[[Candidate, Mapping[str, int]], Left]
Toll = Callable[[Candidate, Mapping[str, int], int], float]


def _as_told(candidate: Candidate, _: Mapping[str, int]) -> Left:
    return Left(candidate.next, proved=False)


def _no_toll(_: Candidate, __: Mapping[str, int], ___: int) -> float:
    return 0.0


def best_chain(
    candidates: Sequence[Candidate],
    origin: int,
    least: int,
    *,
    first: int | None = None,
    last: int | None = None,
    registers: Mapping[str, int] = _UNKNOWN,
    proved: bool = False,
    leave: Leave = _as_told,
    toll: Toll = _no_toll,
) -> list[Link]:
    """The most likely chain through `candidates` (ascending slots).

    Args:
        origin: Stack pointer of the innermost frame.
        least: Bytes between two return addresses at least.
        first: Slot of the first return address, where something says so.
        last: Slot that the chain should end in, if it is a candidate.
        registers: What is known when the first return address is reached.
        proved: Whether `first` is known and not just likely.
        leave: How the function of a candidate is left, where such registers are known after the return to it.
        toll: What a step costs from a candidate, with these registers, to a slot that nothing leads to.
    """
    search = _Search([Candidate(origin - least, 0, 0.0, first), *candidates], least, leave, toll)
    return search.chain(registers, last, proved)


class _Search:
    def __init__(self, nodes: Sequence[Candidate], least: int, leave: Leave, toll: Toll) -> None:
        self.nodes, self.least, self.leave, self.toll = nodes, least, leave, toll
        self.places = {node.slot for node in nodes}
        self.pointed: dict[int, list[int]] = defaultdict(list)
        count = len(nodes)
        self.best, self.before, self.exact = [0.0] * count, [0] * count, [False] * count
        self.known, self.left = [_UNKNOWN] * count, [Left(nodes[0].next, proved=False)] * count

    def chain(self, registers: Mapping[str, int], last: int | None, proved: bool) -> list[Link]:
        self.left[0] = Left(self.nodes[0].next, registers, proved)
        self._point(0)
        near = 0
        for i in range(1, len(self.nodes)):
            while self.nodes[near].slot + self.least <= self.nodes[i].slot:
                near += 1
            self._reach(i, near)
        return self._back(self._end(last))

    def _reach(self, i: int, near: int) -> None:
        slot, value = self.nodes[i].slot, -inf
        for j in (*self.pointed.get(slot, ()), *range(max(0, near - _REACH), near)):
            total = self.best[j] + self._step(j, self.nodes[i])
            if total > value and j and self.left[j].next is None:  # a toll is looked for only where it decides
                total -= self.toll(self.nodes[j], self.known[j], slot)
            if total > value:
                value, self.before[i] = total, j
        self.best[i] = value + self.nodes[i].worth
        way = self.left[self.before[i]]
        self.exact[i] = way.next == slot and way.proved
        self.known[i] = way.registers if way.next == slot else _UNKNOWN
        self.left[i] = self.leave(self.nodes[i], self.known[i])
        self._point(i)

    def _point(self, i: int) -> None:
        following = self.left[i].next
        if following is not None and following > self.nodes[i].slot:
            self.pointed[following].append(i)

    # What a step is worth but for its toll.
    def _step(self, j: int, outer: Candidate) -> float:
        said = self.left[j].next
        if said == outer.slot:
            return _LINK_HIT if self.left[j].proved else _LIKELY_HIT
        worth = -_PER_DOUBLING * log2((outer.slot - self.nodes[j].slot) / _TYPICAL) - outer.doubt
        return worth if said is None else worth - self._refusal(j)

    def _end(self, last: int | None) -> int:
        if self.nodes[-1].slot == last:
            return len(self.nodes) - 1
        return max(range(1, len(self.nodes)), key=self._worth_of_end, default=0)

    # A chain that is said to go on does not end.
    def _worth_of_end(self, i: int) -> float:
        said = self.left[i].next
        if said is None:
            return self.best[i]
        return self.best[i] - (0 if self.left[i].root and said not in self.places else self._refusal(i))

    # What it costs not to follow a link.
    def _refusal(self, i: int) -> float:
        way = self.left[i]
        return _LINK_REFUSED if way.proved and way.next in self.places else _LINK_MISSED

    def _back(self, end: int) -> list[Link]:
        chain = []
        while end > 0:
            node = self.nodes[end]
            chain.append(Link(node.slot, node.address, self.exact[end], self.known[end]))
            end = self.before[end]
        return chain[::-1]
