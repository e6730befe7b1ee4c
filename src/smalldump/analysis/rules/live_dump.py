"""Live dumps: Windows wrote them and ran on, because a component asked for one."""

from __future__ import annotations

from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion

__all__ = ["LIVE", "rule"]

LIVE = Conclusion(
    CulpritKind.LIVE_DUMP,
    None,
    Confidence.NONE,
    "A live dump: Windows took it without stopping, because a component asked for it.",
)


def rule(_case: Case) -> Opinion:
    """Nobody: what is on the stack asked for the dump, and need not have failed."""
    return Opinion(conclusion=LIVE)
