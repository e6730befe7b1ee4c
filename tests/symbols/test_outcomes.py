"""Remembered outcomes: by kind, for a while, and never more than a help."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.symbols import outcomes
from smalldump.symbols.attempts import Outcome
from smalldump.symbols.outcomes import FILE_NAME, LIFETIMES, OutcomeMemory


def line(**fields: object) -> str:
    whole = {"store": "s", "key": "k", "outcome": "absent", "detail": "", "time": time.time()}
    return json.dumps(whole | fields) + "\n"


def recalled(folder: Path, text: str) -> outcomes.Remembered | None:
    (folder / FILE_NAME).write_text(text, "utf-8")
    return OutcomeMemory(folder).recall("s", "k")


@pytest.mark.parametrize("outcome", LIFETIMES)
def test_each_kind_has_its_time(outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    OutcomeMemory(tmp_path).remember("s", "k", outcome, "why")
    later, now = OutcomeMemory(tmp_path), time.time()
    found = later.recall("s", "k")
    assert found is not None
    assert (found.outcome, found.detail) == (outcome, "why")
    assert later.recall("s", "other") is None
    monkeypatch.setattr(time, "time", lambda: now + LIFETIMES[outcome] + 1)
    assert later.recall("s", "k") is None
    assert OutcomeMemory(tmp_path).recall("s", "k") is None


def test_what_was_skipped_is_not_remembered(tmp_path: Path) -> None:
    OutcomeMemory(tmp_path).remember("s", "k", Outcome.SKIPPED, "")
    assert not (tmp_path / FILE_NAME).exists()


def test_the_last_line_counts(tmp_path: Path) -> None:
    found = recalled(tmp_path, line() + line(outcome="timeout") + line(key="else"))
    assert found is not None
    assert found.outcome is Outcome.TIMEOUT


MALFORMED: list[dict[str, object]] = [
    {"outcome": "skipped"},
    {"outcome": []},
    {"time": "NaN"},
    {"time": None},
    {"time": 0},
    {"time": 1e11},
]


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100, *MALFORMED], ids=repr)
def test_malformed_lines_are_as_none(text: str | dict[str, object], tmp_path: Path) -> None:
    first = text if isinstance(text, str) else line(**text)
    assert recalled(tmp_path, first) is None
    assert recalled(tmp_path, first + "\n" + line()) is not None
    assert recalled(tmp_path, "[" * 200_000) is None


def test_words_from_the_disk_are_safe_to_show(tmp_path: Path) -> None:
    found = recalled(tmp_path, line(detail="\x1b[2J"))
    assert found is not None
    assert found.detail == r"\x1b[2J"


@given(st.binary(max_size=100))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / FILE_NAME).write_bytes(data)
    assert OutcomeMemory(folder).recall("s", "k") is None


def test_a_file_that_grows_is_cleared(tmp_path: Path) -> None:
    found = recalled(tmp_path, line() + line(time=0, detail="x" * 150) * 25_000)
    assert found is not None
    assert (tmp_path / FILE_NAME).stat().st_size < 200


def test_a_disk_that_refuses_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    memory = OutcomeMemory(tmp_path / "file")
    memory.remember("s", "k", Outcome.ABSENT, "")
    assert memory.recall("s", "k") is not None
