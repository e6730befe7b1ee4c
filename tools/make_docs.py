"""Write the generated pages of docs/reference, and the outputs marked in the prose.

python -m tools.make_docs            write what is stale
python -m tools.make_docs --check    write nothing; exit code 1 where something is stale
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tools.docs_cli import cli_page
from tools.docs_findings import findings_page
from tools.docs_knowledge import blobs_page, bug_checks_page, drivers_page
from tools.docs_layouts import layouts_page
from tools.docs_outputs import ROOT, refreshed
from tools.docs_report import report_page
from tools.docs_support import support_page

__all__ = ["PAGES", "fresh", "main", "prose"]

PAGES: Mapping[str, Callable[[], str]] = {
    "blobs.md": blobs_page,
    "bug-checks.md": bug_checks_page,
    "cli.md": cli_page,
    "drivers.md": drivers_page,
    "findings.md": findings_page,
    "layouts.md": layouts_page,
    "report.md": report_page,
    "support.md": support_page,
}
"""File names in docs/reference, and what makes each page."""


def prose() -> list[Path]:
    """The pages that people write, in which outputs may be marked."""
    docs = ROOT / "docs"
    written = (path for path in docs.rglob("*.md") if path.parent != docs / "reference")
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(written)]


def fresh() -> Iterator[tuple[Path, str]]:
    """Every page that is generated, in whole or in part, and what should stand in it."""
    for name, make in PAGES.items():
        yield ROOT / "docs" / "reference" / name, make()
    for path in prose():
        if path.exists():
            yield path, refreshed(path.read_text(encoding="utf-8"))


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pages; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.make_docs", description="write the generated pages of docs/")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    check = parser.parse_args(arguments).check
    stale = [(path, text) for path, text in fresh() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path, text in stale:
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path.relative_to(ROOT)}: {'stale' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
