"""What is kept of a report to relate it to others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import smalldump
from smalldump.report import Report
from smalldump.report.trace import trace_of

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_trace_of_a_report() -> None:
    trace = trace_of("x.dmp", smalldump.analyze(EXAMPLES / "112226-8765-01.dmp"))
    assert trace is not None
    assert trace[:1] == ("x.dmp",)
    assert trace.machine[:4] == ("x64", "Meadowlark Computers", "ML-350 Tower", "12")
    assert trace.time == datetime(2026, 11, 22, 7, 55, 1, 250_000, tzinfo=UTC)
    assert (trace.uptime, trace.code, trace.kind) == (4834.567, "0xD1", "driver")
    assert (trace.culprit, trace.coarse, trace.place) == ("wobblefs", "d1|wobblefs", "wobblefs")
    assert trace.drivers == {"wobblefs.sys": ("0x68b0f2a1", 114688)}


def test_a_report_without_a_bug_check_leaves_no_trace() -> None:
    assert trace_of("x.dmp", Report({"file": {"name": "x.dmp"}})) is None


def test_what_a_report_lacks_is_none() -> None:
    absent = {"absent": "not_captured"}
    data = {
        "bug_check": {"code": "0x00000050"},
        "verdict": {"signature": {"coarse": "50|undecided"}},
        "crash": {"time_utc": "no time", "uptime_s": absent},
        "system": {"vendor": absent},
        "modules": absent,
        "stack": absent,
    }
    trace = trace_of("x.dmp", Report(data))
    assert trace is not None
    assert (trace.time, trace.uptime, trace.culprit, trace.place) == (None, None, None, None)
    assert (trace.machine, trace.drivers, trace.kind) == (("",) * 9, {}, "undecided")
