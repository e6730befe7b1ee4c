"""Reading a document of which every field is optional: what is not as it should be is taken as not there."""

from __future__ import annotations

from smalldump.report.shown import is_absent
from smalldump.report.values import Json, JsonObject

__all__ = ["extent", "fields", "number", "rows", "strings", "why_absent"]


def fields(value: Json) -> JsonObject:
    """The object, or an empty one."""
    return value if isinstance(value, dict) and not is_absent(value) else {}


def rows(value: Json) -> list[JsonObject]:
    """The objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def strings(value: Json) -> list[str]:
    """The strings of a list."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def number(value: Json) -> int | None:
    """An integer, or the one that a hex string holds."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    try:
        return int(value, 16) if isinstance(value, str) else None
    except ValueError:
        return None


def extent(value: JsonObject, start: str = "base", end: str = "end") -> tuple[int, int] | None:
    """Two ends of a range of addresses, where both are there and in order."""
    low, high = number(value.get(start)), number(value.get(end))
    return (low, high) if low is not None and high is not None and 0 <= low < high <= 1 << 64 else None


def why_absent(value: Json) -> Json:
    """The absent value itself, of a section that the dump does not tell; else None."""
    return value if is_absent(value) else None
