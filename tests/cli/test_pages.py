"""`analyze --html`: a page beside the report, and what is never replaced by one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_the_page_is_written_and_the_report_printed(run: Run, dump: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    code, out, err = run("analyze", dump, "--html", page)
    assert (code, err) == (0, "")
    assert out == run("analyze", dump).out
    html = page.read_text("utf-8")
    assert "112226-8765-01.dmp" in html
    assert "wobblefs.sys" in html
    assert str(tmp_path) not in html
    assert [path.name for path in tmp_path.iterdir() if "report" in path.name] == ["report.html"]


def test_a_folder_is_one_page_that_names_dumps_without_it(run: Run, folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "all.html"
    assert run("analyze", folder, "--html", page, "--jobs", "2").code == 3
    html = page.read_text("utf-8")
    assert "3 memory dumps" in html
    assert "Time line" in html
    assert str(folder) not in html
    for name in ("a-2026.dmp", "b-2008.dmp", "c-text.dmp"):
        assert name in html


def test_json_goes_on_beside_a_page(run: Run, folder: Path, tmp_path: Path) -> None:
    out = run("analyze", folder, "--format", "json", "--html", tmp_path / "p.htm").out
    assert len(json.loads(out)) == 3
    assert (tmp_path / "p.htm").exists()


def test_an_old_page_is_replaced(run: Run, dump: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")
    page.chmod(0o600)
    assert run("analyze", dump, "--html", page).code == 0
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert page.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["112226-8765-01.dmp", "page", "page.html.txt"])
def test_nothing_but_pages_is_replaced(run: Run, dump: Path, name: str) -> None:
    before = dump.read_bytes()
    code, out, err = run("analyze", dump, "--html", dump.parent / name)
    assert (code, out) == (2, "")
    assert "ends in .html" in err
    assert dump.read_bytes() == before


def test_a_page_that_cannot_be_written_is_one_line(run: Run, dump: Path, tmp_path: Path) -> None:
    code, out, err = run("analyze", dump, "--html", tmp_path / "nowhere" / "page.html")
    assert code == 5
    assert "wobblefs.sys" in out
    assert err.count("\n") == 1
    assert "could not be written" in err
