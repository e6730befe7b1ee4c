"""Verdicts against labels that are not ours: what is right, undecided or wrong is pinned; high must be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from smalldump.analysis import Analysis, analyse
from smalldump.analysis.culprit import Confidence, CulpritKind
from tests.truth.conftest import Case
from tests.truth.verdict_cases import Ranked, built_cases, posted_cases, sample_cases

GROUNDS = ("maintainer", "bucket", "tracker", "frames", "instruction", "parameter", "hardware-code", "nothing")
POSTED, BUILT, BESET = list(posted_cases()), list(built_cases()), list(posted_cases(stale=True))


def named(ranked: Ranked) -> str:
    return ranked.label.name


@pytest.fixture(scope="module")
def labelled(samples: Path) -> list[Ranked]:
    return list(sample_cases(samples))


@pytest.mark.parametrize("ranked", [*POSTED, *BUILT], ids=named)
def test_outcome_is_the_pinned_one(ranked: Ranked) -> None:
    outcome = ranked.outcome()
    assert outcome.words == ranked.label.ours, outcome.named


@pytest.mark.parametrize("ranked", [*POSTED, *BUILT], ids=named)
def test_what_is_not_right_has_its_reason(ranked: Ranked) -> None:
    assert ranked.label.ours.startswith("right") != bool(ranked.label.why)


@pytest.mark.parametrize("ranked", [*POSTED, *BUILT, *BESET], ids=named)
def test_high_confidence_is_right(ranked: Ranked) -> None:
    outcome = ranked.outcome()
    assert outcome.confidence != "high" or outcome.result == "right", outcome.named


@pytest.mark.parametrize("ranked", BESET, ids=named)
def test_who_is_merely_loaded_is_no_culprit(ranked: Ranked) -> None:
    """Old return addresses into other drivers between the frames may mislead a scan, which is never more than low."""
    outcome = ranked.outcome()
    assert outcome.words == ranked.label.beset, outcome.named
    assert outcome.result != "wrong" or outcome.confidence == "low", outcome.named


def test_no_answer_is_the_kernel() -> None:
    for case in [*POSTED, *BUILT, *BESET]:
        assert case.outcome().named.lower() not in ("ntoskrnl.exe", "nt", "hal.dll")


def test_every_label_has_its_source() -> None:
    for case in POSTED:
        assert case.label.source.startswith("http")
        assert case.label.by in GROUNDS
    assert len({named(case) for case in POSTED}) == len(POSTED) >= 25


def test_samples_are_as_pinned(labelled: list[Ranked]) -> None:
    found = {named(case): case.outcome() for case in labelled}
    assert {name: outcome.words for name, outcome in found.items()} == {
        named(case): case.label.ours for case in labelled
    }
    assert all(outcome.result == "right" for outcome in found.values() if outcome.confidence == "high")


def is_proved(found: Analysis) -> bool:
    """Whether a parameter or a proved frame speaks for the culprit; for hardware, its own registers or record."""
    verdict = found.verdict
    if verdict.kind is CulpritKind.HARDWARE:
        return any(each.facts for each in found.objects if each.kind in ("whea_error_record", "machine_check"))
    name = verdict.culprit.name if verdict.culprit else ""
    return any(piece.kind.proof for piece in verdict.evidence if piece.module == name)


def test_a_real_dump_is_called_certain_only_by_a_parameter_or_a_proved_frame(real: Case) -> None:
    found = analyse(real.ours)
    assert found.verdict.confidence is not Confidence.HIGH or is_proved(found)


@pytest.mark.parametrize("ranked", [*POSTED, *BUILT, *BESET], ids=named)
def test_so_is_a_rebuilt_one(ranked: Ranked) -> None:
    found = analyse(ranked.machine)
    assert found.verdict.confidence is not Confidence.HIGH or is_proved(found)
