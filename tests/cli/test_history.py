"""What is printed of the dumps of one machine together."""

from __future__ import annotations

import pytest

from smalldump.cli.history import together
from tests.report.test_history import trace


def test_the_machine_is_named_and_each_relation_is_a_line() -> None:
    machine = ("x64", "Meadowlark Computers", "ML-350", "12", "Quick CPU", "", "", "", "")
    lines = list(together([trace(0, machine=machine), trace(1, machine=machine)], 100))
    head = (
        "Together: 2 dumps of what seems to be one x64 machine: Meadowlark Computers ML-350, 12 processors, Quick CPU"
    )
    assert " ".join(line.strip() for line in lines[:-1]) == f" {head}"
    assert lines[-1] == "  - All 2 dumps failed in the same way (d1|wobblefs), from 2026-03-01 to 2026-03-02."


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_is_told_of_single_dumps(count: int) -> None:
    assert list(together([trace(day) for day in range(count)], 100)) == []


def test_a_fleet_is_not_one_machine() -> None:
    assert list(together([trace(0)] * 5001, 100)) == []


def test_hostile_names_are_escaped() -> None:
    machine = ("x64", "\x1b[31mred", "", "", "", "", "", "", "")
    assert "\x1b" not in "".join(together([trace(0, machine=machine)] * 2, 100))
