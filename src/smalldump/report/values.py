"""How facts are written in a report: hex strings for addresses and codes, a reason for what is absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from smalldump.model import Absent

__all__ = ["Json", "JsonObject", "absent", "address", "code", "fact", "moment", "words"]

T = TypeVar("T")
Json = Any
JsonObject = dict[str, Json]


def address(value: int) -> str:
    """An address, offset or register: `0xfffff8047ba00000`."""
    return hex(value)


def code(value: int) -> str:
    """A code of 32 bits: `0x0000007e`."""
    return f"0x{value:08x}"


def moment(value: datetime) -> str:
    """A time in UTC, to the millisecond: `2021-02-21T01:38:22.987Z`."""
    text = value.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def absent(reason: Absent) -> JsonObject:
    """The reason why a fact is absent."""
    return {"absent": reason.value}


def fact(value: T | Absent, form: Callable[[T], Json] | None = None) -> Json:
    """A fact in its form, or the reason for its absence."""
    if isinstance(value, Absent):
        return {"absent": value.value}
    return value if form is None else form(value)


def words(values: Mapping[str, int]) -> JsonObject:
    """Named addresses or registers."""
    return {name: hex(value) for name, value in values.items()}
