"""The picture of the stack: every frame to scale, from the innermost at the top to where the stack was cut."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from smalldump.addresses import format_address
from smalldump.report.document import Document
from smalldump.report.first_screen import frame_place
from smalldump.report.html.frames import trust_of
from smalldump.report.html.memory_map import size_words
from smalldump.report.html.reading import extent, fields, number, rows
from smalldump.report.shown import plain

__all__ = ["Band", "Picture", "picture_of"]

MOST_BANDS = 60
_LINE = 17.0
"""Between two labels."""
_TOP, _LEAST_HEIGHT, _HIGHEST = 14.0, 260.0, 900.0
_EDGE = 44.0
"""Height of what is not in the dump, which is not to scale."""


class Band(NamedTuple):
    """A frame: place and height, where its label stands, its words, its kind and trust."""

    y: float
    height: float
    label_y: float
    words: str
    size: str
    trust: str
    dispatch: bool


class Picture(NamedTuple):
    """The picture: its height, the strip of the saved stack, the bands, what was cut, the addresses at both ends."""

    height: float
    top: float
    saved: float
    bands: list[Band]
    cut: str
    edge: float
    start: str
    end: str


class _Frame(NamedTuple):
    sp: int
    words: str
    trust: str
    dispatch: bool


def picture_of(report: Document) -> Picture | None:
    """The picture, or None where the dump holds no stack, or no frame was found on it."""
    window = extent(fields(report["stack_window"]), "start")
    frames = _frames(report, window) if window else []
    if not window or not frames:
        return None
    start, end = window
    high = min(max(_LEAST_HEIGHT, len(frames) * _LINE), _HIGHEST)
    ends = [(frame, after) for frame, after in pairwise([*(frame.sp for frame in frames), end])]
    bands, below = list[Band](), _TOP - _LINE
    for frame, (low, top) in zip(frames, ends, strict=True):
        y, height = _TOP + (low - start) / (end - start) * high, (top - low) / (end - start) * high
        below = max(y + min(height, _LINE) / 2 + 4, below + _LINE)
        bands.append(Band(_r(y), _r(max(height, 0.75)), _r(below), frame.words, size_words(top - low), *frame[2:]))
    cut = _cut(report)
    edge = _TOP + high
    height = max(edge + (_EDGE if cut else 16), below + _LINE)
    bits = number(report["file.bits"]) or 64
    return Picture(_r(height), _TOP, high, bands, cut, edge, format_address(start, bits), format_address(end, bits))


def _r(value: float) -> float:
    return round(value, 2)


def _frames(report: Document, window: tuple[int, int]) -> list[_Frame]:
    """The frames that lie in the saved part, by address."""
    found = []
    for section in ("dispatch", "stack"):
        for frame in rows(report[section])[:MOST_BANDS]:
            sp = number(frame.get("sp"))
            if sp is not None and window[0] <= sp < window[1]:
                found.append(_Frame(sp, frame_place(report, frame), trust_of(frame), section == "dispatch"))
    return sorted(found, key=lambda frame: frame.sp)[:MOST_BANDS]


def _cut(report: Document) -> str:
    missing = number(plain(report["stack_window.missing_bytes"]))
    return f"{size_words(missing)} further out are not in the dump" if missing else ""
