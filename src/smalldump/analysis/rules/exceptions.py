"""Exceptions that nobody handled: 0x1E, 0x3B, 0x7E, 0x8E.

Registers and stack are those of the CONTEXT or trap frame that a parameter leads to, not those of the bug check.
Source: Microsoft's pages on these bug checks.
"""

from __future__ import annotations

from smalldump.analysis.advice import CONTROLLER, DISK, MEMORY, verify_drivers
from smalldump.analysis.bit_flips import canonical_neighbour
from smalldump.analysis.culprit import Confidence
from smalldump.analysis.rules.clues import all_clues
from smalldump.analysis.rules.rule import Case, Opinion

__all__ = ["rule"]

_CONTEXTS = {0x3B: (3, "CONTEXT"), 0x7E: (4, "CONTEXT"), 0x8E: (3, "trap frame")}
_IN_PAGE_ERROR = 0xC0000006
_ILLEGAL_INSTRUCTION = 0xC000001D
_ACCESS_VIOLATION = 0xC0000005


def rule(case: Case) -> Opinion:
    """Whoever raised the exception, or called the kernel code that did."""
    status = case.value(1) & 0xFFFFFFFF
    evidence, limits = tuple(all_clues(case)), _limits(case)
    if status == _IN_PAGE_ERROR:
        # The page of the instruction or of its data did not come from the disk: the code is the victim.
        return Opinion(evidence, cap=Confidence.LOW, limits=limits, steps=(DISK, CONTROLLER, MEMORY))
    if status == _ILLEGAL_INSTRUCTION or _touched_flipped(case, status):
        # Code that was read wrongly, or that a wild pointer led into: not by itself the fault of its owner.
        return Opinion(evidence, cap=Confidence.MEDIUM, limits=limits, steps=(MEMORY, verify_drivers(case.machine)))
    return Opinion(evidence, limits=limits, steps=() if evidence else (MEMORY, verify_drivers(case.machine)))


def _touched_flipped(case: Case, status: int) -> bool:
    told = case.code == 0x1E and status == _ACCESS_VIOLATION
    return told and canonical_neighbour(case.machine, case.value(4)) is not None


def _limits(case: Case) -> tuple[str, ...]:
    number, name = _CONTEXTS.get(case.code or 0, (0, ""))
    if not number or case.stacks.dispatch.frames or case.value(number) in case.machine.memory:
        return ()
    return (f"The {name} that parameter {number} points to is not in the dump: the stack begins at the bug check.",)
