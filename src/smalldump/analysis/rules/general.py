"""Bug checks without a family of their own: whoever a parameter, the registers or the stack lead to."""

from __future__ import annotations

from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.rules.clues import all_clues
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion

__all__ = ["rule"]

_BY_USER = "Somebody or something asked for this dump on purpose; no failure stopped the machine, but it may have hung."


def rule(case: Case) -> Opinion:
    """What parameters, registers and stack say, in that order of weight."""
    if case.entry is not None and "user-initiated" in case.entry.causes[:1]:
        return Opinion(conclusion=Conclusion(CulpritKind.USER, None, Confidence.MEDIUM, _BY_USER))
    return Opinion(tuple(all_clues(case)))
