"""`demo`: the example that ships."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_demo_is_a_report(run: Run, dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("smalldump.cli.demo"), "EXAMPLE", dump)
    assert run("demo") == run("analyze", dump)
    assert run("demo", "-v") == run("analyze", "-v", dump)


def test_demo_that_is_not_there(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("smalldump.cli.demo"), "EXAMPLE", tmp_path / "demo.dmp")
    code, out, err = run("demo")
    assert (code, out) == (3, "")
    assert err == f"smalldump: {tmp_path / 'demo.dmp'}: no such file or folder\n"
