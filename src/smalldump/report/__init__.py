"""The Report: the only thing that text, JSON and everything further up ever see."""

from __future__ import annotations

from smalldump.report.report import SCHEMA, Report

__all__ = ["SCHEMA", "Report"]
