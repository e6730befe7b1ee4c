"""Windows times, converted once at the model's edge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from smalldump.model.absent import Absent

__all__ = ["from_filetime", "from_ticks"]

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_LIMIT = 0x7000000000000000  # FILETIMEs beyond lie far outside what a date can hold


def from_filetime(value: int) -> datetime | Absent:
    """A FILETIME (100 ns units since 1601, UTC) as a date; zero is Absent, what no calendar holds is corrupt."""
    if not value:
        return Absent.NOT_CAPTURED
    if value >= _LIMIT:
        return Absent.CORRUPT
    try:
        return _EPOCH + timedelta(microseconds=value // 10)
    except OverflowError:
        return Absent.CORRUPT


def from_ticks(value: int) -> timedelta | Absent:
    """A duration in 100 ns units; more than a thousand years is corrupt."""
    return Absent.CORRUPT if value >= 315_360_000_000_000_000 else timedelta(microseconds=value // 10)
