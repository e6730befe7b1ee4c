"""Damaged or misused pool: 0x19, 0xC1, 0xC2, 0xC5, 0x13A.

Damage is found when a block is allocated or freed, mostly by a victim; the owner of the block before it, which may have
overrun it, is as good a lead. Misuse (a double free, a free at a wrong IRQL) is the caller's own. Source: Microsoft's
pages on these bug checks.
"""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.analysis.advice import MEMORY, verify_drivers
from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.evidence import Evidence, is_skipped
from smalldump.analysis.rules.clues import all_clues, first_driver_of
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion
from smalldump.analysis.stop_object import StopObject
from smalldump.analysis.weights import Kind

__all__ = ["rule"]

_BAD_CALLER, _SPECIAL_POOL = 0xC2, 0xC1
_FLIPPED = 0x32  # parameter 4 of 0xC1
_DAMAGED_HEADER = (1, 2, 4, 0xB, 0xC, 0xD, 0x99)  # of 0xC2: found, not done, by the caller
_FOUND_LATE = "Pool damage is found late: the driver that caused it need not be on the stack."
_ONE_BIT = "One bit beside an allocation of special pool turned over: a typical sign of failing memory."
_CALLED = "called the pool's function that found the mistake"


def rule(case: Case) -> Opinion:
    """The caller of the pool where the mistake is its own; else owners and frames, with low confidence."""
    steps = (verify_drivers(case.machine, special_pool=True), MEMORY)
    if case.code == _SPECIAL_POOL and case.value(4) == _FLIPPED:
        found = Conclusion(CulpritKind.HARDWARE, None, Confidence.MEDIUM, _ONE_BIT)
        return Opinion(conclusion=found, steps=(MEMORY,))
    missing = tuple(each.missing for each in _blocks(case) if each.missing)
    if _is_misuse(case):
        callers = first_driver_of(case, case.frames, Kind.CALLER_OF_KERNEL, _CALLED)
        return Opinion((*all_clues(case), *callers), cap=Confidence.MEDIUM, limits=missing, steps=steps[:1])
    evidence = (*all_clues(case), *_owners(case))
    return Opinion(evidence, cap=Confidence.LOW, limits=(_FOUND_LATE, *missing), steps=steps)


def _is_misuse(case: Case) -> bool:
    return case.code == _SPECIAL_POOL or (case.code == _BAD_CALLER and case.value(1) not in _DAMAGED_HEADER)


def _blocks(case: Case) -> Iterator[StopObject]:
    for found in case.objects:
        if found.kind in ("pool_header", "pool_block"):
            yield found
            yield from found.children


def _owners(case: Case) -> Iterator[Evidence]:
    for block in _blocks(case):
        module = case.machine.modules.named(block.driver) if block.driver else None
        if module is not None and not is_skipped(module, case.machine):
            side = next((fact.value for fact in block.facts if fact.name == "neighbour"), None)
            which = "the damaged block" if side is None else f"the block {side} the damaged one"
            yield Evidence(Kind.POOL_OWNER, module.name, f"its pool tag is that of {which}")
