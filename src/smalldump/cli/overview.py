"""The overview of many dumps: a few lines on each, then a table by time."""

from __future__ import annotations

from collections.abc import Iterable

from smalldump.report import Report
from smalldump.report.columns import columns
from smalldump.report.shown import moment, paragraph, plain, text

__all__ = ["block", "row", "table"]

_NO_DRIVER = {
    "hardware": "hardware",
    "user_initiated": "on request",
    "live_dump": "live dump",
    "undecided": "undecided",
}
_HEADERS = ("Time (UTC)", "File", "Bug check", "Culprit", "Process")
_ROOM_FOR_ALL = 72
_MINUTES = len("2021-02-21 01:38")
_UNKNOWN = "unknown"
_TIME, _FILE, _STOP, _CULPRIT, _PROCESS = range(5)


def block(name: str, report: Report, width: int) -> str:
    """A few lines on one dump: where it is, what happened, when, and who did it."""
    when = moment(report["crash.time_utc"])
    who = f"{text(report['verdict.summary'])} (confidence: {text(report['verdict.confidence'])})"
    lines = [name, *paragraph(f"{_stop(report)}, {when}", width, "  "), *paragraph(who, width, "  ")]
    return "\n".join(lines) + "\n"


def row(name: str, report: Report) -> tuple[str, ...]:
    """The cells of one dump for `table`."""
    time = plain(report["crash.time_utc"])
    return (
        moment(time)[:_MINUTES] if time else _UNKNOWN,
        name.replace("\\", "/").rpartition("/")[2],
        _stop(report),
        _culprit(report),
        text(plain(report["process.name"]), _UNKNOWN),
    )


def table(rows: Iterable[tuple[str, ...]], width: int) -> str:
    """Time, file, bug check, culprit and process of each dump, by time; less of it on a narrow screen."""
    shown = range(len(_HEADERS)) if width >= _ROOM_FOR_ALL else (_FILE, _STOP, _CULPRIT)
    fixed = [at for at in shown if at == _TIME]
    cells = [[cells[at] for at in shown] for cells in sorted(rows)]
    return "\n".join(columns(cells, headers=[_HEADERS[at] for at in shown], width=width, fixed=fixed))


def _stop(report: Report) -> str:
    code = report["bug_check.code"]
    if not isinstance(code, str):
        return _UNKNOWN
    return f"0x{int(code, 16):X} {text(report['bug_check.name'], '')}".rstrip()


def _culprit(report: Report) -> str:
    culprit = report["verdict.culprit"]
    if culprit:
        return text(culprit.get("file") or culprit.get("module"))
    kind = text(report["verdict.kind"], "undecided")
    return _NO_DRIVER.get(kind, kind)
