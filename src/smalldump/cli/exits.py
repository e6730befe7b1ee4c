"""Exit codes, and what earns them; of a batch the highest counts."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

from smalldump.errors import BudgetTooSmall, SmallDumpError, StoreError

if TYPE_CHECKING:
    from smalldump.report import Report

__all__ = ["SEVERITIES", "ExitCode", "of_error", "of_findings", "of_report", "of_state"]


class ExitCode(IntEnum):
    """What the program returns."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    UNREADABLE = 3
    DAMAGED = 4
    NOT_WRITTEN = 5


SEVERITIES = ("info", "warning", "error")
"""Severities of findings, the mildest first."""

_STATES = {"damaged": ExitCode.DAMAGED, "not_a_dump": ExitCode.UNREADABLE}


def of_error(error: SmallDumpError) -> ExitCode:
    """The exit code for what stopped a command."""
    if isinstance(error, BudgetTooSmall):
        return ExitCode.USAGE
    return ExitCode.NOT_WRITTEN if isinstance(error, StoreError) else ExitCode.UNREADABLE


def of_state(state: str) -> ExitCode:
    """The exit code for a file in this state."""
    return _STATES.get(state, ExitCode.OK)


def of_findings(severities: Iterable[str], fail_on: str | None) -> ExitCode:
    """FINDINGS where one of them is as bad as `--fail-on` says, or worse."""
    if fail_on is None:
        return ExitCode.OK
    failing = SEVERITIES[SEVERITIES.index(fail_on) :]
    return ExitCode.FINDINGS if any(severity in failing for severity in severities) else ExitCode.OK


def of_report(report: Report, fail_on: str | None = None) -> ExitCode:
    """The exit code for a report: for the state of its file and its findings."""
    severities = (finding["severity"] for finding in report["findings"] or ())
    return max(of_state(report["file.state"]), of_findings(severities, fail_on))
