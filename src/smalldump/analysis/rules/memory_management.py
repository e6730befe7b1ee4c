"""Damage that the memory manager finds in its own tables: 0x1A."""

from __future__ import annotations

from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.rules.clues import all_clues
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion

__all__ = ["rule"]

_DAMAGED_PTE = 0x41792
_ONE_BIT = "A page table entry that should be zero has a single bit set: a typical sign of failing memory."


def rule(case: Case) -> Opinion:
    """Failing memory, where a damaged page table entry differs by one bit; else what the stack says."""
    if case.value(1) == _DAMAGED_PTE and case.value(3).bit_count() == 1:
        return Opinion(conclusion=Conclusion(CulpritKind.HARDWARE, None, Confidence.MEDIUM, _ONE_BIT))
    return Opinion(tuple(all_clues(case)))
