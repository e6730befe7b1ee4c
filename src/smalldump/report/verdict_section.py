"""The verdict's section."""

from __future__ import annotations

from smalldump.analysis import Analysis
from smalldump.analysis.bucket import Bucket
from smalldump.analysis.culprit import Culprit
from smalldump.analysis.signature import Signature
from smalldump.report.values import Json, JsonObject

__all__ = ["verdict_section"]


def verdict_section(analysis: Analysis) -> JsonObject:
    """`verdict`."""
    verdict = analysis.verdict
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
        **_bucket(analysis.bucket),
        "signature": _signature(analysis.signature),
        "next_steps": list(verdict.next_steps),
        "limits": list(verdict.limits),
        "context": list(verdict.context),
        "remarks": [remark._asdict() for remark in analysis.remarks],
    }


def _bucket(bucket: Bucket | None) -> JsonObject:
    if bucket is None:
        return {"bucket": None, "bucket_hash": None}
    return {
        "bucket": bucket.words,
        "bucket_hash": bucket.hash,
        "bucket_kind": bucket.kind.value,
        "bucket_gaps": list(bucket.gaps),
    }


def _signature(signature: Signature | None) -> Json:
    if signature is None:
        return None
    return {
        "version": signature.version,
        "coarse": signature.coarse,
        "fine": signature.fine,
        "explanation": list(signature.explanation),
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
