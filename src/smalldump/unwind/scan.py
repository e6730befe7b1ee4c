"""Scanning: the most likely call chain among the slots of a stack that may hold return addresses.

A chain is worth the sum of its slots and of the steps between them; the best one is found by dynamic programming,
in time proportional to the number of slots. The numbers were set on one real stack of known truth and on emulated
ones, and then left alone; they rank chains and are no probabilities.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import inf, log2
from typing import NamedTuple

__all__ = ["CALL_SEEN", "SLOT", "Candidate", "best_chain"]

SLOT = 0.45
"""Worth of a slot that holds a possible return address."""
CALL_SEEN = 0.7
"""Added where a CALL precedes the address."""
_PER_DOUBLING = 0.25
_TYPICAL = 0x80
_LINK_HIT, _LINK_MISSED = 2.5, 3.0
_REACH = 8


class Candidate(NamedTuple):
    """A slot that may hold a return address.

    Attributes:
        slot: Address of the slot.
        address: The value.
        worth: What the slot adds to a chain.
        next: The slot of the next return address, where something says so (a saved frame pointer, the code after the
            call); None where nothing does.
    """

    slot: int
    address: int
    worth: float = SLOT
    next: int | None = None


def best_chain(
    candidates: Sequence[Candidate], origin: int, least: int, *, first: int | None = None, last: int | None = None
) -> list[Candidate]:
    """The most likely chain through `candidates` (ascending slots).

    Args:
        origin: Stack pointer of the innermost frame.
        least: Bytes between two return addresses at least.
        first: Slot of the first return address, where something says so.
        last: Slot that the chain should end in, if it is a candidate.
    """
    nodes = [Candidate(origin - least, 0, 0.0, first), *candidates]
    pointed: dict[int, list[int]] = defaultdict(list)
    best, before = [0.0] * len(nodes), [0] * len(nodes)
    near = 0
    for i, (slot, _, worth, following) in enumerate(nodes):
        while nodes[near].slot + least <= slot:
            near += 1
        value, source = -inf, 0
        for j in (*pointed.get(slot, ()), *range(max(0, near - _REACH), near)):
            inner, _, _, said = nodes[j]
            if said == slot:
                total = best[j] + _LINK_HIT
            else:
                total = best[j] - _PER_DOUBLING * log2((slot - inner) / _TYPICAL) - (said is not None) * _LINK_MISSED
            if total > value:
                value, source = total, j
        best[i], before[i] = (value + worth, source) if i else (0.0, 0)
        if following is not None and following > slot:
            pointed[following].append(i)
    return _chain(nodes, before, _end(nodes, best, last))


def _end(nodes: Sequence[Candidate], best: Sequence[float], last: int | None) -> int:
    if nodes[-1].slot == last:
        return len(nodes) - 1
    return max(range(1, len(nodes)), key=best.__getitem__, default=0)


def _chain(nodes: Sequence[Candidate], before: Sequence[int], end: int) -> list[Candidate]:
    chain = []
    while end > 0:
        chain.append(nodes[end])
        end = before[end]
    return chain[::-1]
