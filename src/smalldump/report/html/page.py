"""The page: templates filled, style and script proved by hashes, and nothing let in that could command a browser."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smalldump.escape import escape, shortened
from smalldump.report.document import Document
from smalldump.report.history import Machine, machines_of
from smalldump.report.html.batch import Line, lanes_of, line_of
from smalldump.report.html.content import blobs_of, blocks_of
from smalldump.report.html.frames import LEGEND, end_words, frame_rows
from smalldump.report.html.machine import cards_of, objects_of, registers_of
from smalldump.report.html.memory_map import LANES, strips_of
from smalldump.report.html.modules import modules_of, unloaded_of
from smalldump.report.html.reading import rows, why_absent
from smalldump.report.html.stack_picture import picture_of
from smalldump.report.html.summary import summary_of
from smalldump.report.shown import text, uptime
from smalldump.report.trace import trace_of
from smalldump.report.values import Json
from smalldump.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["html_page"]

_TEMPLATES = Path(__file__).parent / "templates"
MOST_BYTES = 1_800_000
"""Of a page: reports that would not fit are told in short."""
MOST_LINES = 1_000
_MOST_MACHINES = 20
LONGEST = 600
"""Characters of any one value."""


def html_page(reports: Sequence[Document], names: Sequence[str] | None = None) -> str:
    """One page on these reports; several get an overview and a line of time, too.

    It is bounded: long tables end with a count of what is left out, and of many dumps only as many are told in full as
    2 MB hold.

    Args:
        reports: What is told, in this order.
        names: What the dumps are called; by default the names of their files.
    """
    called = list(names) if names else [text(report["file.name"], "a dump") for report in reports]
    lines = [line_of(at, name, report) for at, (name, report) in enumerate(zip(called, reports, strict=True), 1)]
    several = len(reports) > 1
    lanes, first, last = lanes_of(lines)
    by_time = sorted(lines, key=lambda line: (line.moment is None, line.time, line.name))
    style, script = _file("page.css"), _file("page.js")
    filled: str = (
        _environment()
        .get_template("page.html")
        .render(
            title=f"{len(reports):,} memory dumps" if several else called[0] if called else "No dumps",
            several=several,
            lines=by_time[:MOST_LINES],
            left_out=max(len(by_time) - MOST_LINES, 0),
            lanes=lanes,
            machines=_machines(reports, called),
            first=first,
            last=last,
            parts=_parts(reports, lines),
            style=style,
            script=script,
            policy=_policy(style, script),
            version=__version__,
        )
    )
    return filled


def _machines(reports: Sequence[Document], called: Sequence[str]) -> list[Machine]:
    if not 1 < len(reports) <= MOST_LINES:
        return []
    traces = (trace_of(name, report) for name, report in zip(called, reports, strict=True))
    return [machine for machine in machines_of(filter(None, traces)) if machine.relations][:_MOST_MACHINES]


def _policy(style: str, script: str) -> str:
    sources = f"style-src {_source(style)}; script-src {_source(script)}; img-src data:"
    return f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"


def _source(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{b64encode(digest).decode('ascii')}'"


@cache
def _file(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8")


def _parts(reports: Sequence[Document], lines: Sequence[Line]) -> dict[int, str]:
    """By number, each report in short, as far as there is room; then as many as possible in full instead."""
    several, left, parts = len(reports) > 1, MOST_BYTES, dict[int, str]()
    for report, line in zip(reports, lines, strict=True):
        part = _part(report, line, several=several, brief=True)
        left -= _bytes(part)
        if left < 0 and parts:
            break
        parts[line.number] = part
    for report, line in zip(reports, lines, strict=True):
        if left <= 0 or line.number not in parts:
            break
        part = _part(report, line, several=several, brief=False)
        more = _bytes(part) - _bytes(parts[line.number])
        if more <= left:
            left -= more
            parts[line.number] = part
    return parts


def _bytes(part: str) -> int:
    return len(part.encode("utf-8"))


def _part(report: Document, line: Line, *, several: bool, brief: bool) -> str:
    view: dict[str, Json] = {
        "line": line,
        "several": several,
        "brief": brief,
        "prefix": f"d{line.number}-",
        "summary": summary_of(report),
        "findings": rows(report["findings"]),
        "grave": any(finding.get("severity") in ("error", "warning") for finding in rows(report["findings"])),
        "sha256": report["file.sha256"],
        "legend": LEGEND,
        "lane_words": LANES,
        "stack": frame_rows(report, report["stack"]),
        "stack_absent": why_absent(report["stack"]),
        "stack_end": end_words(report["stack_end"]),
        "dispatch": frame_rows(report, report["dispatch"]),
        "picture": picture_of(report),
        "objects": objects_of(report),
    }
    view |= {} if brief else _rest(report)
    filled: str = _environment().get_template("dump.html").render(view)
    return filled


def _rest(report: Document) -> dict[str, Any]:
    return {
        "strips": strips_of(report),
        "modules": modules_of(report),
        "unloaded": unloaded_of(report),
        "registers": registers_of(report),
        "cards": cards_of(report),
        "blocks": blocks_of(report),
        "blobs": blobs_of(report),
    }


@cache
def _environment() -> Environment:
    # Imported late: who wants no page does not wait for it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"words": text, "count": _count, "uptime": uptime}
    return made


def _shown(value: Any) -> Any:
    """What a template prints, before it is escaped for HTML: no controls, no turned writing, nothing endless."""
    if value is None:
        return ""
    if isinstance(value, int | float) or hasattr(value, "__html__"):
        return value
    return shortened(escape(str(value)), LONGEST)


def _count(value: Json) -> str:
    return f"{value:,}" if isinstance(value, int) else ""
