"""The overview of many dumps: a few lines on each, then a table by time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from smalldump.report import Report
from smalldump.report.columns import columns, shorten
from smalldump.report.first_screen import culprit_words
from smalldump.report.shown import moment, paragraph, plain, text

__all__ = ["Row", "block", "row", "table", "without_shared"]

_NO_DRIVER = {
    "hardware": "hardware",
    "user_initiated": "on request",
    "live_dump": "live dump",
    "undecided": "undecided",
}
_HEADERS = ("Time (UTC)", "File", "Bug check", "Culprit", "Process")
_ROOM_FOR_COLUMNS = 72
_MINUTES = len("2021-02-21 01:38")
_LEAST_FOR_FILE = 24
_UNKNOWN = "unknown"
_SEPARATORS = frozenset({"/", "!", os.sep})


class Row(NamedTuple):
    """One dump in the table of a batch.

    Attributes:
        time: Of the crash as the report has it, or empty: what the table is sorted by.
        name: The whole name that is shown for the dump.
        stop: Bug check code and name.
        culprit: Who is blamed, or what instead.
        process: Name of the process.
    """

    time: str
    name: str
    stop: str
    culprit: str
    process: str


def block(name: str, report: Report, width: int) -> str:
    """A few lines on one dump: where it is, what happened, when, and who did it."""
    when = moment(report["crash.time_utc"])
    confidence = report["verdict.confidence"]
    sure = f"{text(confidence)} confidence: " if report["verdict.culprit"] and confidence else ""
    who = sure + text(report["verdict.summary"])
    lines = [name, *paragraph(f"{_stop(report)}, {when}", width, "  "), *paragraph(who, width, "  ")]
    return "\n".join(lines) + "\n"


def row(name: str, report: Report) -> Row:
    """One dump for `table`."""
    time = plain(report["crash.time_utc"])
    process = text(plain(report["process.name"]), _UNKNOWN)
    return Row(time if isinstance(time, str) else "", name, _stop(report), _culprit(report), process)


def table(rows: Sequence[Row], width: int) -> str:
    """Time, file, bug check, culprit and process of each dump, by time; one below the other on a narrow screen.

    Files are named without the folder or archive that all of them share.
    """
    names = dict(zip((row.name for row in rows), without_shared([row.name for row in rows]), strict=True))
    ordered = sorted(rows, key=lambda row: (not row.time, row.time, row.name))
    room = max(width // 3, _LEAST_FOR_FILE)
    cells = [(_minute(row.time), _end_of(names[row.name], room), *row[2:]) for row in ordered]
    if width < _ROOM_FOR_COLUMNS:
        return "\n".join(line for each in cells for line in _stacked(each, width))
    return "\n".join(columns(cells, headers=_HEADERS, width=width, fixed=(0,)))


def without_shared(names: Sequence[str]) -> list[str]:
    """The names without the folders and archives that all of them share."""
    shared = _shared(names)
    return [name[shared:] for name in names]


def _shared(names: Sequence[str]) -> int:
    """Characters at the beginning of all names: the folders and archives that they have in common."""
    heads = [name[: _base(name)] for name in names]
    first, last = min(heads), max(heads)
    equal = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
    return _base(first[:equal])


def _base(name: str) -> int:
    return max((at + 1 for at, character in enumerate(name) if character in _SEPARATORS), default=0)


def _minute(time: str) -> str:
    return moment(time)[:_MINUTES] if time else _UNKNOWN


def _end_of(name: str, width: int) -> str:
    return name if len(name) <= width else f"...{name[len(name) - width + 3 :]}"


def _stacked(cells: Sequence[str], width: int) -> Iterator[str]:
    time, name, stop, culprit, process = cells
    yield shorten(f"{time}  {name}", width)
    yield shorten(f"  {stop}", width)
    yield shorten(f"  {culprit}, in {process}", width)


def _stop(report: Report) -> str:
    code = report["bug_check.code"]
    if not isinstance(code, str):
        return _UNKNOWN
    return f"0x{int(code, 16):X} {text(report['bug_check.name'], '')}".rstrip()


def _culprit(report: Report) -> str:
    verdict = report["verdict"] or {}
    kind = text(verdict.get("kind"), "undecided")
    return culprit_words(verdict) or _NO_DRIVER.get(kind, kind)
