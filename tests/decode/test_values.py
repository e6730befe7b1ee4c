"""Small values: texts, times, paths, private values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.decode.values import (
    TEXT_LIMIT,
    filetime_utc,
    known,
    private_or,
    text8,
    text16,
    uint,
    without_user,
)


def test_text8() -> None:
    assert text8(b"  AMD \x01 CPU  \0stale") == "AMD \x01 CPU"
    assert text8(b"\xff\xe4") == "��"
    assert text8(memoryview(b"x" * 2 * TEXT_LIMIT)) == "x" * TEXT_LIMIT


def test_text16() -> None:
    assert text16("Zeit\0stale".encode("utf-16-le") + b"!") == "Zeit"
    assert text16(b"\x00\xd8A\0") == "�A"
    assert text16("x".encode("utf-16-le") * 2 * TEXT_LIMIT) == "x" * TEXT_LIMIT


def test_uint_knows_its_bounds() -> None:
    assert uint(b"\x01\x02\x03", 1, 2) == 0x0302
    assert uint(b"\x01\x02\x03", 2, 2) is None


@pytest.mark.parametrize(
    ("ticks", "text"),
    [
        (0, None),
        (116444736000000000, "1970-01-01T00:00:00.000Z"),
        (126444736009870000, "2001-09-09T01:46:40.987Z"),
        (1 << 63, None),
        ((1 << 64) - 1, None),
    ],
)
def test_filetime(ticks: int, text: str | None) -> None:
    assert filetime_utc(ticks) == text


@given(st.integers(0, (1 << 64) - 1))
def test_filetime_of_any_number_is_a_date_or_none(ticks: int) -> None:
    text = filetime_utc(ticks)
    if text is not None:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        seconds = ticks // 10_000_000 - 11_644_473_600
        assert int(moment.timestamp() // 1) == seconds


def test_private_values() -> None:
    assert private_or("S/N", private=False) == {"absent": "private"}
    assert private_or("S/N", private=True) == "S/N"
    assert private_or(None, private=False) is None


def test_user_folders_are_replaced() -> None:
    path = r"\Device\HarddiskVolume3\Users\Jane Doe\AppData\x.exe"
    assert without_user(path, private=False) == r"\Device\HarddiskVolume3\Users\<user>\AppData\x.exe"
    assert without_user(path, private=True) == path
    assert without_user(r"C:\users\jane", private=False) == r"C:\users\<user>"


def test_known_drops_none_only() -> None:
    assert known(a=0, b=None, c="", d=False) == {"a": 0, "c": "", "d": False}
