"""Several dumps on one page: a table by time, and a line of time for each signature."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from smalldump.report.document import Document
from smalldump.report.html.reading import fields
from smalldump.report.html.summary import culprit_of, stop_words
from smalldump.report.shown import moment, plain, text

__all__ = ["WIDTH", "Lane", "Line", "Tick", "lanes_of", "line_of"]

WIDTH = 1000
MOST_LANES = 40
_TICK = 5


class Line(NamedTuple):
    """A dump in the table: its place on the page, and what is said of it there."""

    number: int
    time: str
    name: str
    stop: str
    who: str
    confidence: str
    process: str
    signature: str
    moment: datetime | None


class Tick(NamedTuple):
    """A dump on a line of time."""

    x: float
    number: int
    words: str
    confidence: str


class Lane(NamedTuple):
    """A signature and the dumps that have it."""

    signature: str
    who: str
    total: int
    ticks: list[Tick]


def line_of(number: int, name: str, report: Document) -> Line:
    """One dump of the table."""
    time = report["crash.time_utc"]
    confidence = report["verdict.confidence"]
    return Line(
        number=number,
        time=moment(time)[:16] if isinstance(time, str) else "unknown",
        name=name,
        stop=stop_words(report),
        who=culprit_of(report),
        confidence=confidence if confidence in ("high", "medium", "low") else "none",
        process=text(plain(fields(report["process"]).get("name")), ""),
        signature=text(plain(fields(report["verdict.signature"]).get("coarse")), "no signature"),
        moment=_moment(time),
    )


def _moment(time: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(time) if isinstance(time, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def lanes_of(lines: Sequence[Line]) -> tuple[list[Lane], str, str]:
    """A lane for each signature, the most frequent first, and the first and last day; none with less than two times."""
    timed = [(line.moment, line) for line in lines if line.moment is not None]
    if len(timed) < 2:
        return [], "", ""
    first, last = min(when for when, _ in timed), max(when for when, _ in timed)
    span = (last - first).total_seconds() or 1.0
    lanes = dict[str, list[tuple[float, Line]]]()
    for when, line in timed:
        x = (when - first).total_seconds() / span * (WIDTH - _TICK)
        lanes.setdefault(line.signature, []).append((x, line))
    ordered = sorted(lanes.items(), key=lambda lane: (-len(lane[1]), lane[0]))[:MOST_LANES]
    return [_lane(*lane) for lane in ordered], f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"


def _lane(signature: str, dumps: list[tuple[float, Line]]) -> Lane:
    ticks = [Tick(round(x, 2), line.number, f"{line.time} {line.name}", line.confidence) for x, line in dumps]
    return Lane(signature, dumps[0][1].who, len(dumps), ticks)
