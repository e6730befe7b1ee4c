"""Is the file whole and consistent: findings, a verdict, and a claim on every byte."""

from __future__ import annotations

from smalldump.checking.verdict import CheckResult, FileState, check

__all__ = ["CheckResult", "FileState", "check"]
