"""Whole reports on the examples, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.goldens import EXAMPLES, FOLDER, golden_texts


@pytest.mark.parametrize("dump", EXAMPLES, ids=lambda dump: dump.name)
def test_reports_on_the_examples_are_as_kept(dump: Path) -> None:
    for name, text in golden_texts(dump).items():
        kept = (FOLDER / name).read_text(encoding="utf-8")
        assert text == kept, f"{name} differs: python -m tools.update_goldens, and read the difference"


def test_every_golden_has_its_example() -> None:
    stems = {path.name.partition(".")[0] for path in FOLDER.iterdir()}
    assert stems == {dump.stem for dump in EXAMPLES}
    assert len(EXAMPLES) >= 6
