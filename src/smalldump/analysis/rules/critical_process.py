"""A process without which Windows cannot run ended: 0xEF, 0xF4."""

from __future__ import annotations

from smalldump.analysis.culprit import Confidence, Culprit, CulpritKind
from smalldump.analysis.rules.clues import all_clues
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion
from smalldump.model import Absent

__all__ = ["rule"]


def rule(case: Case) -> Opinion:
    """The process, where parameter 1 is the dump's own; else what the stack says."""
    process = case.machine.process
    if isinstance(process, Absent) or isinstance(process.name, Absent) or case.value(1) != process.address:
        return Opinion(tuple(all_clues(case)))
    culprit = Culprit(process.name, None, None, None)
    summary = f"The process {process.name}, without which Windows cannot run, ended."
    return Opinion(conclusion=Conclusion(CulpritKind.PROCESS, culprit, Confidence.MEDIUM, summary))
