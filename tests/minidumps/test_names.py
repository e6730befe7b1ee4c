"""Names as Windows gives them."""

from __future__ import annotations

import csv
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.minidumps.names import DumpName, file_name, parse_name, stem
from smalldump.model import Absent


def test_the_name_in_the_description_of_small_memory_dumps() -> None:
    assert file_name(2195, date(2000, 2, 29), 0, 1) == "Mini022900-01.dmp"
    assert parse_name("mini022900-01.dmp") == DumpName(date(2000, 2, 29), None, 1)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (2195, "Mini112226-01.dmp"),
        (2600, "Mini112226-01.dmp"),
        (3790, "Mini112226-01.dmp"),
        (6000, "112226-8765-01.dmp"),
        (19041, "112226-8765-01.dmp"),
        (Absent.NOT_CAPTURED, "112226-8765-01.dmp"),
    ],
)
def test_the_form_changed_with_vista(build: int | Absent, name: str) -> None:
    assert file_name(build, date(2026, 11, 22), 8765, 1) == name


def test_past_99_the_number_grows() -> None:
    names = [file_name(2600, date(2004, 8, 1), 0, number) for number in (9, 99, 100, 12345)]
    assert names == ["Mini080104-09.dmp", "Mini080104-99.dmp", "Mini080104-100.dmp", "Mini080104-12345.dmp"]


@given(
    build=st.integers(0, 30000),
    day=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    uptime=st.integers(0, 10**12),
    number=st.integers(0, 10**9 - 1),
)
def test_names_are_read_back(build: int, day: date, uptime: int, number: int) -> None:
    name = file_name(build, day, uptime, number)
    assert parse_name(name) == DumpName(day, None if build <= 3790 else uptime, number)
    assert name.startswith(stem(build, day, uptime))


@pytest.mark.parametrize(
    "name",
    [
        "MEMORY.DMP",
        "Mini023000-01.dmp",  # there is no 30 February
        "Mini022900-1.dmp",
        "Mini022900-001.dmp",
        "Mini022900-01.dmp.cut",
        "Mini022900-01.dmp\n",
        "131326-8765-01.dmp",
        "112226--5-01.dmp",
        "112226-08765-01.dmp",
        "112226-8765-9999999999.dmp",
        "١١٢٢٢٦-8765-01.dmp",
        ".smalldump-1-00000000.tmp",
    ],
)
def test_other_names_are_not_ours(name: str) -> None:
    assert parse_name(name) is None


@given(st.text(max_size=40))
def test_any_text_can_be_asked_about(name: str) -> None:
    parse_name(name)


def test_real_names(samples: Path) -> None:
    with (samples / "manifest.csv").open(encoding="utf-8") as manifest:
        names = [row["original_name"] for row in csv.DictReader(manifest)]
    given = [name for name in names if re.match(r"\d{6}-", name)]
    assert given
    for name in given:
        parsed = parse_name(name)
        assert parsed
        assert file_name(19041, parsed.day, parsed.uptime_ms or 0, parsed.number) == name
