"""The overview of many dumps, from reports that lack this or that."""

from __future__ import annotations

import pytest

from smalldump.cli.overview import block, row, table
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
        "2021-02-21 01:38",
        "d.dmp",
        "0x7E SYSTEM_THREAD_EXCEPTION_NOT_HANDLED",
        "amdppm.sys",
        "System",
    )
    assert block("x.dmp", Report(FULL), 100).splitlines() == [
        "x.dmp",
        "  0x7E SYSTEM_THREAD_EXCEPTION_NOT_HANDLED, 2021-02-21 01:38:22 UTC",
        "  it was amdppm.sys. (confidence: medium)",
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
    assert row("x.dmp", Report(report)) == ("unknown", "x.dmp", "unknown", "undecided", "unknown")
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


def test_the_table_is_sorted_by_time_with_unknown_times_last() -> None:
    rows = [("unknown", "c", "", "", ""), ("2021-02-21 01:38", "b", "", "", ""), ("2009-01-01 00:00", "a", "", "", "")]
    assert [line.split()[-1] for line in table(rows, 100).splitlines()[2:]] == ["a", "b", "c"]


def test_a_narrow_table_leaves_time_and_process_out() -> None:
    lines = table([row("x.dmp", Report(FULL))], 40).splitlines()
    assert lines[0].split() == ["File", "Bug", "check", "Culprit"]
    assert max(map(len, lines)) <= 40
