"""Small values that many blobs hold: texts, times, paths, and values to be kept private."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from smalldump.layout.record import Buffer

__all__ = [
    "TEXT_LIMIT",
    "Json",
    "JsonObject",
    "filetime_utc",
    "known",
    "private_or",
    "text8",
    "text16",
    "uint",
    "without_user",
]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]

TEXT_LIMIT = 512
"""Most characters of a text that are given out."""

_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_FILETIME_END = 2_650_467_744_000_000_000
"""Start of the year 10,000, in 100 ns."""
_USER_FOLDER = re.compile(r"(\\(?:users|documents and settings)\\)[^\\]+", re.IGNORECASE)


def text8(raw: Buffer) -> str:
    """An 8-bit text up to its NUL; bytes that are no UTF-8 become U+FFFD, outer spaces are dropped."""
    head = bytes(raw[:TEXT_LIMIT]).partition(b"\0")[0]
    return head.decode("utf-8", "replace").strip(" ")


def text16(raw: Buffer) -> str:
    """A UTF-16 text up to its NUL; lone surrogates become U+FFFD, half a character at the end is dropped."""
    length = min(len(raw), 2 * TEXT_LIMIT) & ~1
    return bytes(raw[:length]).decode("utf-16-le", "replace").partition("\0")[0]


def uint(raw: Buffer, offset: int, size: int) -> int | None:
    """The unsigned integer of `size` bytes at `offset`, or None where `raw` is too short."""
    piece = raw[offset : offset + size]
    return int.from_bytes(piece, "little") if len(piece) == size else None


def filetime_utc(ticks: int) -> str | None:
    """A FILETIME (100 ns since 1601) as `2021-02-21T01:38:22.987Z`; None for 0 and for times behind year 9999."""
    if not 0 < ticks < _FILETIME_END:
        return None
    moment = _FILETIME_EPOCH + timedelta(microseconds=ticks // 10)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def private_or(value: Json, private: bool) -> Json:
    """The value, or `{"absent": "private"}` unless private values are wanted; None stays None."""
    return value if private or value is None else {"absent": "private"}


def without_user(path: str, private: bool) -> str:
    """A path whose user folder is `<user>`, unless private values are wanted."""
    return path if private else _USER_FOLDER.sub(r"\1<user>", path)


def known(**values: Json) -> JsonObject:
    """The values that are known: those that are not None."""
    return {name: value for name, value in values.items() if value is not None}
