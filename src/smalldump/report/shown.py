"""How the values of a report look to people: WinDbg's addresses, words for what is absent."""

from __future__ import annotations

from datetime import datetime
from textwrap import wrap
from typing import Any

from smalldump.addresses import format_address
from smalldump.report.escape import escape
from smalldump.report.values import Json, JsonObject

__all__ = [
    "LABEL_WIDTH",
    "address",
    "field_lines",
    "is_absent",
    "labelled",
    "moment",
    "paragraph",
    "plain",
    "text",
    "uptime",
]

_ABSENT_WORDS = {
    "not_captured": "not in this dump",
    "paged_out": "was paged out",
    "corrupt": "damaged",
    "not_applicable": "does not exist here",
    "no_symbols": "needs symbols",
    "unsupported": "layout not known for this build",
    "private": "left out; see --private",
}
LABEL_WIDTH = 10


def is_absent(value: Json) -> bool:
    """Whether a value stands for an absent fact."""
    return isinstance(value, dict) and "absent" in value


def text(value: Json, none: str = "none") -> str:
    """Any plain value, escaped; the reason where it is absent."""
    if value is None:
        return none
    if is_absent(value):
        return _ABSENT_WORDS.get(str(value["absent"]), f"absent ({escape(str(value['absent']))})")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(text(item) for item in value) or none
    return escape(str(value))


def plain(value: Json) -> Any:
    """The value, or None where it is absent."""
    return None if is_absent(value) else value


def address(value: Json, bits: int = 64) -> str:
    """An address as WinDbg writes it."""
    if not isinstance(value, str):
        return text(value)
    try:
        return format_address(int(value, 16), bits)
    except ValueError:
        return escape(value)


def moment(value: Json) -> str:
    """A time of a report: `2021-02-21 01:38:22 UTC`."""
    if not isinstance(value, str):
        return text(value)
    try:
        return datetime.fromisoformat(value).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return escape(value)


def uptime(seconds: Json) -> str:
    """A time since boot: `3.7 s`, `6 h 37 min`, `29 days 22 h`."""
    if not isinstance(seconds, int | float):
        return text(seconds)
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    hours, days = minutes // 60, minutes // 1440
    if days >= 2:
        return f"{days} days {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min {int(seconds) % 60} s"


def labelled(label: str, value: str, width: int) -> list[str]:
    """A label and its text, wrapped beside it."""
    return paragraph(value, width, first=f"{label:<{LABEL_WIDTH}}", rest=" " * LABEL_WIDTH)


def paragraph(value: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """Text broken into lines of at most `width` characters, which begin with `first`, then with `rest`."""
    indent = first if rest is None else rest
    lines = wrap(value, max(width, len(first) + 20), initial_indent=first, subsequent_indent=indent)
    return lines or [first.rstrip()]


def field_lines(fields: JsonObject, names: dict[str, str], width: int) -> list[str]:
    """Label and value for each named field that the report has."""
    wide = max(map(len, names.values()), default=0) + 2
    lines = []
    for name, label in names.items():
        if name in fields:
            lines += paragraph(text(fields[name]), width, f"  {label:<{wide}}", " " * (wide + 2))
    return lines
