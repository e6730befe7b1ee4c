"""Windows times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.model.absent import Absent
from smalldump.model.times import from_filetime, from_ticks


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0x01DA839C42FCE2EC, datetime(2024, 3, 31, 18, 50, 12, 285_719, tzinfo=UTC)),
        (116_444_736_000_000_000, datetime(1970, 1, 1, tzinfo=UTC)),
        (1, datetime(1601, 1, 1, tzinfo=UTC)),
        (0, Absent.NOT_CAPTURED),
        (0x6FFFFFFFFFFFFFFF, Absent.CORRUPT),
        (0x7000000000000000, Absent.CORRUPT),
        ((1 << 64) - 1, Absent.CORRUPT),
    ],
)
def test_filetimes(value: int, expected: datetime | Absent) -> None:
    assert from_filetime(value) == expected


@given(st.datetimes(min_value=datetime(1601, 1, 1, 0, 0, 1)))
def test_every_date_comes_back(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    ticks = (aware - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    assert from_filetime(ticks) == from_filetime(ticks + 9) == aware


@given(st.integers(0, (1 << 64) - 1))
def test_any_64_bits_give_a_fact_or_a_reason(value: int) -> None:
    assert isinstance(from_filetime(value), datetime | Absent)
    assert isinstance(from_ticks(value), timedelta | Absent)


def test_durations() -> None:
    assert from_ticks(0) == timedelta(0)
    assert from_ticks(19) == timedelta(microseconds=1)
    assert from_ticks(864_000_000_000) == timedelta(days=1)
    assert from_ticks(315_360_000_000_000_000) is Absent.CORRUPT
    assert from_ticks(315_359_999_999_999_999) == timedelta(days=365_000) - timedelta(microseconds=1)
