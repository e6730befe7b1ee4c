"""Errors that the hardware itself reports: no driver is to blame, whatever lies on the stack.

Others that hardware often causes, such as 0x7F and 0x101, may as well be a driver's doing: there the evidence decides.
"""

from __future__ import annotations

from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion

__all__ = ["rule"]

_BY_HARDWARE = "The hardware reported an error by itself; no driver is to blame by this dump."


def rule(_case: Case) -> Opinion:
    """The hardware."""
    return Opinion(conclusion=Conclusion(CulpritKind.HARDWARE, None, Confidence.MEDIUM, _BY_HARDWARE))
