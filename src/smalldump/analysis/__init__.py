"""From a Snapshot to a Verdict: what the bug check says, which driver is to blame, how sure that is, and why."""

from __future__ import annotations

from smalldump.analysis.analysis import Analysis, analyse

__all__ = ["Analysis", "analyse"]
