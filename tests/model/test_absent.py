"""Absent facts: falsy, each with a reason."""

from __future__ import annotations

from smalldump.model.absent import Absent, present


def test_absent_is_falsy() -> None:
    assert not any(Absent)
    assert (Absent.PAGED_OUT or 7) == 7


def test_the_words_of_the_report() -> None:
    assert [reason.value for reason in Absent] == [
        "not_captured",
        "paged_out",
        "corrupt",
        "not_applicable",
        "no_symbols",
        "unsupported",
    ]


def test_every_reason_has_words_of_its_own() -> None:
    assert len({reason.words for reason in Absent}) == len(Absent)
    assert Absent.UNSUPPORTED.words == "layout not known for this build"


def test_present() -> None:
    assert present(7) == 7
    assert present(0) == 0
    assert present(None) is None
    assert present(Absent.CORRUPT) is None
