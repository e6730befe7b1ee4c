"""How right stacks are of which only a small dump is known, no image and no symbol: against known truth."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.stack_truth import Score, scores

from tests.truth.oracle_cases import case_files
from tests.truth.without_images import VARIANTS, tally

_SWITCHES_STACKS = "greenlet"
_OFTEN_WRONG = 0.001
# The least recall and precision of all images together.
_LEAST = {
    "x64": {"code": (0.985, 0.96), "stale": (0.95, 0.86), "no code": (0.95, 0.7)},
    "arm64": {"code": (0.99, 0.97), "stale": (0.99, 0.9), "no code": (0.92, 0.96)},
    "x86": {"code": (0.95, 0.93), "stale": (0.93, 0.58), "no code": (0.91, 0.88)},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("arch", _LEAST)
def test_emulated_stacks_are_found(arch: str, variant: str, samples: Path) -> None:
    files = [file for file in case_files(arch, samples) if _SWITCHES_STACKS not in file.name]
    assert files, f"no cases of {arch} beside the samples"
    rows = [tally(file, variant) for file in files]
    true, found, right, proved, wrong = (sum(getattr(row, name) for row in rows) for name in _COUNTS)
    recall, precision = _LEAST[arch][variant]
    assert right / true >= recall
    assert right / found >= precision
    assert wrong <= proved * _OFTEN_WRONG


_COUNTS = ("true", "found", "right", "proved", "wrong")


@pytest.fixture(scope="module")
def scored(samples: Path) -> list[Score]:
    """All dumps whose true stack is known."""
    return list(scores(samples))


@pytest.mark.parametrize(("part", "recall", "precision"), [("crash", 0.98, 0.93), ("dispatch", 0.98, 0.8)])
def test_the_stack_of_a_real_dump_is_found(part: str, recall: float, precision: float, scored: list[Score]) -> None:
    real = [score for score in scored if score.part == part and not score.dump.endswith(".small")]
    assert real
    assert all((score.recall >= recall, score.precision >= precision) == (True, True) for score in real)


def test_the_stacks_of_synthetic_machines_are_found_exactly(scored: list[Score]) -> None:
    written = [score for score in scored if score.dump.endswith(".small")]
    assert written
    assert [score for score in written if not score.true == score.found == score.right] == []
