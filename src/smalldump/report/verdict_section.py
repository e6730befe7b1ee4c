"""The verdict's section."""

from __future__ import annotations

from smalldump.analysis.culprit import Culprit
from smalldump.analysis.verdict import Verdict
from smalldump.report.values import Json, JsonObject

__all__ = ["verdict_section"]


def verdict_section(verdict: Verdict) -> JsonObject:
    """`verdict`."""
    return {
        "culprit": _culprit(verdict.culprit),
        "kind": verdict.kind.value,
        "confidence": verdict.confidence.value,
        "summary": verdict.summary,
        "evidence": [
            {"name": piece.kind.label, "weight": piece.kind.weight, "module": piece.module, "text": piece.text}
            for piece in verdict.evidence
        ],
        "candidates": [{"module": rival.module, "score": rival.score} for rival in verdict.candidates],
        "next_steps": list(verdict.next_steps),
        "limits": list(verdict.limits),
    }


def _culprit(culprit: Culprit | None) -> Json:
    if culprit is None:
        return None
    return {
        "module": culprit.name,
        "file": culprit.file,
        "version": None,
        "vendor": culprit.vendor,
        "product": culprit.product,
    }
