"""Workers: order, one and several processes, processes that die."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smalldump.cli import workers
from smalldump.cli.exits import ExitCode
from smalldump.cli.outcomes import Outcome
from smalldump.cli.workers import outcomes_of
from smalldump.intake import Origin, expand
from tests.cli.works import dies_of_poison, fails, tells_process, tells_size


def origins(count: int) -> Iterator[Origin]:
    return (Origin(None, data=bytes(size)) for size in range(count))


def texts(outcomes: Iterator[Outcome]) -> list[str | None]:
    return [outcome.text for outcome in outcomes]


@pytest.mark.parametrize("jobs", [None, 1, 2])
def test_outcomes_come_in_the_order_of_the_origins(jobs: int | None) -> None:
    assert texts(outcomes_of(origins(20), tells_size, jobs)) == [str(size) for size in range(20)]


def test_the_first_dumps_are_read_in_this_process_and_many_more_in_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_BEFORE_PROCESSES", 5)
    monkeypatch.setattr(workers, "_processors", lambda: 2)
    processes = texts(outcomes_of(origins(9), tells_process, None))
    assert set(processes[:5]) == {str(os.getpid())}
    assert len(processes) == 9
    assert str(os.getpid()) not in processes[5:]


@pytest.mark.parametrize("jobs", [1, 2])
def test_origins_are_not_asked_for_far_ahead(jobs: int) -> None:
    asked = 0

    def counted() -> Iterator[Origin]:
        nonlocal asked
        for origin in origins(100):
            asked += 1
            yield origin

    outcomes = outcomes_of(counted(), tells_size, jobs)
    assert next(outcomes).text == "0"
    assert asked <= 8
    getattr(outcomes, "close")()  # noqa: B009  an iterator by its type, a generator in fact


def test_a_process_that_dies_takes_only_its_own_dump_along() -> None:
    mixed = [Origin(None, data=b"poison" if at in (3, 4) else bytes(at)) for at in range(9)]
    outcomes = list(outcomes_of(mixed, dies_of_poison, 2))
    assert [outcome.text for outcome in outcomes] == ["0", "1", "2", None, None, "5", "6", "7", "8"]
    assert [outcome.code for outcome in outcomes[3:5]] == [ExitCode.UNREADABLE] * 2
    assert "was killed" in (outcomes[3].problem or "")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_mistake_becomes_a_problem(jobs: int) -> None:
    (outcome,) = outcomes_of(origins(1), fails, jobs)
    assert outcome.code is ExitCode.UNREADABLE
    assert (outcome.problem or "").startswith("internal error, please report it: ZeroDivisionError at works.py:")


def test_what_cannot_be_opened_becomes_a_problem(tmp_path: Path) -> None:
    (outcome,) = outcomes_of(expand([tmp_path / "none"]), tells_size, 1)
    assert outcome[:4] == (str(tmp_path / "none"), ExitCode.UNREADABLE, None, "no such file or folder")
