"""Goldens: whole reports on the dumps in `examples/`, kept as files and compared to the letter.

`python -m tools.update_goldens` rewrites them; read the difference before committing it.
"""

from __future__ import annotations

import json
from pathlib import Path

import smalldump
from smalldump.report.text import render

__all__ = ["EXAMPLES", "FOLDER", "golden_texts"]

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.dmp"))
FOLDER = ROOT / "tests" / "golden"


def golden_texts(dump: Path) -> dict[str, str]:
    """File name and content of each golden of one example: JSON, text, and text in full."""
    report = smalldump.analyze(dump, detailed=True)
    report.data["tool"]["version"] = "VERSION"
    return {
        f"{dump.stem}.json": json.dumps(report.data, indent=1) + "\n",
        f"{dump.stem}.txt": render(report),
        f"{dump.stem}.full.txt": render(report, verbose=True),
    }
