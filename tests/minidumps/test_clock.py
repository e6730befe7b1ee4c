"""The crash's local date, and whose time zone it follows."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.memory import BytesSpace
from smalldump.minidumps.clock import (
    CrashDate,
    DateSource,
    crash_date,
    host_uptime_ms,
    parse_zone,
    time_zone_bias,
)
from smalldump.model import Absent

EVENING = datetime(2024, 3, 31, 18, 50, tzinfo=UTC)  # in Tokyo it is the next day
X64, X86 = 0xFFFFF78000000000, 0xFFDF0000


def shared_data(bias: timedelta, root: str = "C:\\WINDOWS", torn: int = 0) -> bytes:
    """The page as Windows keeps it: LowPart, High1Time, High2Time at 0x20, NtSystemRoot at 0x30."""
    ticks = (bias // timedelta(microseconds=1) * 10) & 0xFFFFFFFFFFFFFFFF
    low, high = (ticks & 0xFFFFFFFF).to_bytes(4, "little"), (ticks >> 32).to_bytes(4, "little")
    second = ((ticks >> 32) + torn & 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(0x20) + low + high + second + bytes(4) + root.encode("utf-16-le").ljust(0x208, b"\0")


def test_the_machines_own_zone_comes_first() -> None:
    tokyo = BytesSpace({X64: shared_data(timedelta(hours=-9))})
    assert crash_date(EVENING, tokyo, zone=UTC) == CrashDate(date(2024, 4, 1), DateSource.MACHINE)
    new_york = BytesSpace({X86: shared_data(timedelta(hours=4), "D:\\WINNT")})
    early = datetime(2024, 3, 31, 3, 0, tzinfo=UTC)
    assert crash_date(early, new_york, bits=32) == CrashDate(date(2024, 3, 30), DateSource.MACHINE)


def test_then_the_zone_that_was_asked_for_then_utc() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    assert crash_date(EVENING, BytesSpace({}), zone=tokyo) == CrashDate(date(2024, 4, 1), DateSource.ASKED)
    assert crash_date(EVENING) == CrashDate(date(2024, 3, 31), DateSource.UTC)


def test_without_a_time_the_day_of_saving() -> None:
    before = datetime.now(UTC).date()
    found = crash_date(Absent.NOT_CAPTURED)
    assert found.source is DateSource.SAVING_DAY
    assert before <= found.day <= datetime.now(UTC).date()


def test_the_end_of_all_calendars() -> None:
    last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    assert crash_date(last, zone=timezone(timedelta(hours=1))) == CrashDate(date(9999, 12, 31), DateSource.UTC)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (shared_data(timedelta(hours=-9), torn=1), Absent.CORRUPT),
        (shared_data(timedelta(hours=16)), Absent.CORRUPT),
        (shared_data(timedelta(seconds=30)), Absent.CORRUPT),
        (shared_data(timedelta(0), root=""), Absent.CORRUPT),
        (bytes(0x1000), Absent.CORRUPT),
        (b"PAGE" * 0x400, Absent.CORRUPT),
        (bytes(0x30), Absent.NOT_CAPTURED),
    ],
)
def test_a_page_that_is_none_is_not_believed(page: bytes, reason: Absent) -> None:
    memory = BytesSpace({X64: page})
    assert time_zone_bias(memory, 64) is reason
    assert crash_date(EVENING, memory).source is DateSource.UTC


@given(st.integers(-15 * 60, 15 * 60))
def test_every_zone_is_read(minutes: int) -> None:
    bias = timedelta(minutes=minutes)
    assert time_zone_bias(BytesSpace({X64: shared_data(bias)}), 64) == bias


@given(st.binary(min_size=0x38, max_size=0x38))
def test_any_page_can_be_asked(page: bytes) -> None:
    found = time_zone_bias(BytesSpace({X64: page}), 64)
    assert isinstance(found, Absent) or abs(found) <= timedelta(hours=15)


def test_zones_by_name_and_by_offset() -> None:
    assert parse_zone("Europe/Berlin").utcoffset(datetime(2024, 7, 1)) == timedelta(hours=2)
    assert parse_zone("+05:30").utcoffset(None) == timedelta(hours=5, minutes=30)
    assert parse_zone("-0800").utcoffset(None) == timedelta(hours=-8)
    assert parse_zone("utc") is UTC


@pytest.mark.parametrize("text", ["", "Mars/Olympus", "+25:00", "+01:60", "../../etc/passwd", "/etc", "Europe", "a\0b"])
def test_what_is_no_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        parse_zone(text)


def test_the_systems_uptime_runs() -> None:
    first = host_uptime_ms()
    time.sleep(0.02)
    assert 15 <= host_uptime_ms() - first < 10_000
    assert first >= time.monotonic() * 1000 - 60_000  # no clock that stops in sleep is ahead of it
