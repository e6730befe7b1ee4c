"""The hypervisor stopped: 0x20001. Its parameters are not public, and its stack is not the one in the dump."""

from __future__ import annotations

from smalldump.analysis.advice import COOLING, FIRMWARE
from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion

__all__ = ["rule"]

_SUMMARY = "The hypervisor under Windows stopped by itself; no driver of Windows is to blame by this dump."
_OWN_STATE = "What the hypervisor was doing is not in a dump of Windows."
_OTHERS = "Update or remove other software for virtual machines, and update the firmware."


def rule(_case: Case) -> Opinion:
    """Nobody that a dump of Windows shows."""
    found = Conclusion(CulpritKind.UNDECIDED, None, Confidence.NONE, _SUMMARY)
    return Opinion(conclusion=found, limits=(_OWN_STATE,), steps=(FIRMWARE, _OTHERS, COOLING))
