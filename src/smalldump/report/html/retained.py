"""What is kept of a report for a page on many dumps."""

from __future__ import annotations

from smalldump.report.document import Document

__all__ = ["MOST_WHOLE", "digest"]

MOST_WHOLE = 100
"""Reports that a page on many dumps tells in full, if there is room; of the others only verdict and overview."""

_KEPT = ("schema", "tool", "file", "findings", "bug_check", "crash", "system", "process", "thread", "verdict")


def digest(report: Document) -> Document:
    """A small part of the report: all that the overview needs, and the verdict."""
    return Document({name: report.data[name] for name in _KEPT if name in report.data})
