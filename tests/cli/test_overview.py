"""The overview of many dumps, from reports that lack this or that."""

from __future__ import annotations

import pytest

from smalldump.cli.overview import Row, block, row, table
from smalldump.report import Report

FULL = {
    "bug_check": {"code": "0x0000007e", "name": "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED"},
    "crash": {"time_utc": "2021-02-21T01:38:22.987Z"},
    "process": {"name": "System"},
    "verdict": {
        "kind": "driver",
        "confidence": "medium",
        "summary": "it was amdppm.sys.",
        "culprit": {"module": "amdppm", "file": "amdppm.sys"},
    },
}


def test_a_full_report() -> None:
    assert row("a/b.zip!c/d.dmp", Report(FULL)) == (
        "2021-02-21T01:38:22.987Z",
        "a/b.zip!c/d.dmp",
        "0x7E SYSTEM_THREAD_EXCEPTION_NOT_HANDLED",
        "amdppm.sys",
        "System",
    )
    assert block("x.dmp", Report(FULL), 100).splitlines() == [
        "x.dmp",
        "  0x7E SYSTEM_THREAD_EXCEPTION_NOT_HANDLED, 2021-02-21 01:38:22 UTC",
        "  medium confidence: it was amdppm.sys.",
    ]


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"bug_check": {"absent": "corrupt"}, "crash": {"time_utc": {"absent": "corrupt"}}, "process": {"absent": "x"}},
        {"bug_check": {"code": {"absent": "corrupt"}}, "process": {"name": {"absent": "unsupported"}}},
    ],
)
def test_what_is_absent_is_unknown(report: dict[str, object]) -> None:
    assert row("x.dmp", Report(report)) == ("", "x.dmp", "unknown", "undecided", "unknown")
    assert table([row("x.dmp", Report(report))], 100).splitlines()[2].split()[0] == "unknown"
    assert block("x.dmp", Report(report), 100).startswith("x.dmp\n")


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [
        ({"kind": "hardware", "culprit": None}, "hardware"),
        ({"kind": "user_initiated", "culprit": None}, "on request"),
        ({"kind": "newer_kind", "culprit": None}, "newer_kind"),
        ({"kind": "process", "culprit": {"module": "svchost.exe", "file": None}}, "svchost.exe"),
        ({"kind": "driver", "culprit": {"module": "x\x1b[2J", "file": None}}, r"x\x1b[2J"),
    ],
)
def test_culprits(verdict: dict[str, object], shown: str) -> None:
    assert row("x.dmp", Report({"verdict": verdict}))[3] == shown


def rows(*pairs: tuple[str, str]) -> list[Row]:
    return [Row(time, name, "0x7E", "amdppm.sys", "System") for time, name in pairs]


def files(table_text: str) -> list[str]:
    return [line.split()[2 if line[0].isdigit() else 1] for line in table_text.splitlines()[2:]]


def test_the_table_is_sorted_by_the_whole_time_with_unknown_times_last() -> None:
    times = ["", "2021-02-21T01:38:22.987Z", "2009-01-01T00:00:00.000Z", "2021-02-21T01:38:05.000Z"]
    assert files(table(rows(*zip(times, "dcab", strict=True)), 100)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["in/a.zip!x/1.dmp", "in/a.zip!y/1.dmp"], ["x/1.dmp", "y/1.dmp"]),
        (["in/a.zip!1.dmp", "in/b.zip!1.dmp"], ["a.zip!1.dmp", "b.zip!1.dmp"]),
        (["in/12.dmp", "in/13.dmp"], ["12.dmp", "13.dmp"]),
        (["in/12.dmp", "in/12.dmp"], ["12.dmp", "12.dmp"]),
        (["one.dmp", "in/one.dmp"], ["one.dmp", "in/one.dmp"]),
        ([r"a\b.dmp"], [r"a\b.dmp"]),
    ],
)
def test_files_are_named_without_what_all_have_in_common(names: list[str], shown: list[str]) -> None:
    assert files(table(rows(*((f"2021-01-0{at}", name) for at, name in enumerate(names, 1))), 100)) == shown


def test_a_long_name_keeps_its_end() -> None:
    line = table(
        rows(("", "here/x.dmp"), ("2021-01-01T00:00:00Z", f"{'deep/' * 40}112226-8765-01.dmp")), 100
    ).splitlines()[2]
    assert len(line) <= 100
    assert "deep/112226-8765-01.dmp  " in line


def test_culprits_that_nobody_is_sure_about_are_perhaps() -> None:
    unsure = {"verdict": {"kind": "driver", "confidence": "low", "culprit": {"module": "x", "file": "x.sys"}}}
    assert row("x.dmp", Report(unsure)).culprit == "perhaps x.sys"


@pytest.mark.parametrize("width", [40, 60, 71])
def test_a_narrow_table_stacks_the_same_facts(width: int) -> None:
    lines = table([row("x.dmp", Report(FULL))], width).splitlines()
    assert lines == [
        "2021-02-21 01:38  x.dmp",
        "  0x7E SYSTEM_THREAD_EXCEPTION_NOT_HANDLED"[:width] if width > 41 else lines[1],
        "  amdppm.sys, in System",
    ]
    assert max(map(len, lines)) <= width
