"""What several dumps of one machine tell together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smalldump.report.history import Relation, machines_of, relations_of
from smalldump.report.trace import Trace

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
OLD, NEW = ("0x60000000", 0x8000), ("0x68000000", 0x9000)


def trace(day: int, code: str = "0xD1", culprit: str | None = "wobblefs", **facts: Any) -> Trace:
    fields = {
        "name": f"{day}.dmp",
        "machine": ("x64", "Meadowlark Computers", "ML-350"),
        "time": START + timedelta(days=day),
        "uptime": 1000.0 * 3**day,
        "code": code,
        "kind": "driver" if culprit else "undecided",
        "culprit": culprit,
        "coarse": f"{code[2:].lower()}|{culprit or 'undecided'}",
        "place": culprit,
        "drivers": {},
    }
    return Trace(**fields | facts)


def relation(name: str, *traces: Trace) -> Relation:
    found = [each for each in relations_of(traces) if each.name == name]
    assert len(found) == 1, relations_of(traces)
    return found[0]


def names(*traces: Trace) -> list[str]:
    return [each.name for each in relations_of(traces)]


def test_failures_of_one_signature() -> None:
    found = relation("same-signature", trace(0), trace(1, "0x50", None), trace(4))
    assert found.text == "2 of 3 dumps failed in the same way (d1|wobblefs), from 2026-03-01 to 2026-03-05."
    assert found.dumps == ("0.dmp", "4.dmp")
    assert relation("same-signature", trace(0), trace(0)).text.endswith("(d1|wobblefs), on 2026-03-01.")
    assert relation("same-signature", trace(0, time=None), trace(1)).text.endswith("(d1|wobblefs).")
    assert relation("same-signature", trace(0), trace(1)).text.startswith("All 2 dumps ")


def test_one_driver_behind_different_bug_checks() -> None:
    found = relation("same-culprit", trace(0), trace(1, "0x50"))
    assert found.text == "wobblefs is blamed in all 2 dumps, for different bug checks: 0x50, 0xD1."


def test_failures_that_wander_point_to_hardware() -> None:
    wandering = [trace(day, code, None, place=place) for day, (code, place) in enumerate(WANDERING)]
    found = relation("scattered", *wandering)
    assert "4 failures show 4 different bug checks in 4 different modules" in found.text
    assert "memory, processor" in found.text
    assert names(*wandering[:3]) == []


WANDERING = (("0x50", "Ntfs"), ("0x1A", None), ("0x3B", "win32kfull"), ("0xA", "tcpip"))


def test_failures_in_one_place_do_not_wander() -> None:
    assert "scattered" not in names(*(trace(day, code, "wobblefs") for day, (code, _) in enumerate(WANDERING)))


def test_a_driver_that_changed_before_a_new_failure_came() -> None:
    before = [trace(day, "0x50", None, drivers={"a.sys": OLD, "b.sys": OLD}) for day in range(2)]
    after = [trace(day, drivers={"a.sys": NEW, "b.sys": OLD}) for day in (5, 6)]
    found = relation("since-version", *before, *after)
    assert found.text == "d1|wobblefs has come since a.sys changed, between 2026-03-02 08:00 and 2026-03-06 08:00."
    assert found.dumps == ("5.dmp", "6.dmp")


@pytest.mark.parametrize(
    "last",
    [{"drivers": {"a.sys": OLD}}, {"time": None, "drivers": {"a.sys": NEW}}, {"drivers": {}}],
    ids=["not changed", "no time", "not loaded"],
)
def test_no_change_is_told_where_none_is_certain(last: dict[str, Any]) -> None:
    assert "since-version" not in names(trace(0, "0x50", None, drivers={"a.sys": OLD}), trace(5, **last))


def test_a_driver_of_one_kind_of_failure_only() -> None:
    traces = [trace(0, drivers={"a.sys": OLD, "b.sys": OLD}), trace(1, "0x50", None, drivers={"b.sys": OLD})]
    assert "only-with-driver" not in names(*traces)
    found = relation("only-with-driver", *traces, trace(2, drivers={"a.sys": NEW}))
    assert found.text == "a.sys was loaded in all 2 failures of d1|wobblefs, and in none of the other 1."


def test_failures_soon_after_the_start() -> None:
    found = relation("soon-after-start", trace(0, uptime=20.0), trace(1, uptime=90.0), trace(2, uptime=None))
    assert found.text.startswith("2 of 3 dumps came within 5 min after the start of Windows")


def test_failures_at_the_same_uptime() -> None:
    found = relation("same-uptime", *(trace(day, uptime=7200.0 + 60 * day) for day in range(3)))
    assert found.text == "All 3 came about 2 h 1 min after the start of Windows, as if something counted."
    assert "same-uptime" not in names(*(trace(day, uptime=7200.0 * (1 + day)) for day in range(3)))


def test_what_was_asked_for_is_no_failure() -> None:
    assert relations_of([trace(0), trace(1, kind="user_initiated"), trace(2, kind="live_dump")]) == ()


def test_machines_are_told_apart_and_their_dumps_are_in_order() -> None:
    other = trace(1, machine=("arm64",))
    found = machines_of([trace(3), other, trace(0), trace(2, time=None)])
    assert [[each.name for each in machine.traces] for machine in found] == [["2.dmp", "0.dmp", "3.dmp"]]
    assert found[0].relations


def test_dumps_that_name_no_machine_are_not_told_to_be_of_one() -> None:
    unnamed = ("x86", "", "", "1", "", "", "6", "15", "")
    assert machines_of([trace(0, machine=unnamed), trace(1, machine=unnamed)]) == []
    (named,) = machines_of([trace(day, machine=(*unnamed[:4], "Pentium", *unnamed[5:])) for day in range(2)])
    assert named.words == "2 dumps of what seems to be one x86 machine: 1 processor, Pentium"
