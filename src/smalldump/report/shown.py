"""How the values of a report look to people: WinDbg's addresses, words for what is absent."""

from __future__ import annotations

from datetime import datetime
from textwrap import wrap
from typing import Any

from smalldump.addresses import format_address
from smalldump.escape import escape
from smalldump.report.values import Json, JsonObject

__all__ = [
    "address",
    "counted",
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
    "corrupt": "lost or damaged",
    "not_applicable": "does not exist here",
    "no_symbols": "needs symbols",
    "unsupported": "layout not known for this build",
    "private": "left out; see --private",
}
_LABEL_WIDTH = 10
_PROSE_WIDTH = 100  # longer lines are hard to read, however wide the screen


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
    """A time since boot: `3.7 s`, `1 min 51 s`, `6 h 37 min`, `2 h`, `29 days 22 h`."""
    if not isinstance(seconds, int | float):
        return text(seconds)
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    hours, days = minutes // 60, minutes // 1440
    if days >= 2:
        return _in_two(days, "days", hours % 24, "h")
    return _in_two(hours, "h", minutes % 60, "min") if hours else _in_two(minutes, "min", int(seconds) % 60, "s")


def _in_two(many: int, unit: str, few: int, smaller: str) -> str:
    return f"{many} {unit} {few} {smaller}" if few else f"{many} {unit}"


def counted(number: int, noun: str) -> str:
    """A number of things: `no frames`, `1 frame`, `1,024 frames`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}" if number else f"no {noun}s"


def labelled(label: str, value: str, width: int) -> list[str]:
    """A label and its text, wrapped beside it; a bullet's text beside the bullet."""
    hang = "  " if value.startswith("- ") else ""
    return paragraph(value, width, first=f"{label:<{_LABEL_WIDTH}}", rest=" " * _LABEL_WIDTH + hang)


def paragraph(value: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """Text broken into lines of at most `width` and 100 characters, which begin with `first`, then with `rest`."""
    indent = first if rest is None else rest
    room = max(min(width, _PROSE_WIDTH), len(first) + 20)
    lines = wrap(value, room, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)
    return lines or [first.rstrip()]


def field_lines(fields: JsonObject, names: dict[str, str], width: int) -> list[str]:
    """Label and value for each named field that the report has."""
    wide = max(map(len, names.values()), default=0) + 2
    lines = []
    for name, label in names.items():
        if name in fields:
            lines += paragraph(text(fields[name]), width, f"  {label:<{wide}}", " " * (wide + 2))
    return lines
