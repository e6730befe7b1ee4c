"""Big dumps on the command line: every command that takes a dump takes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smalldump.api import open_dump
from smalldump.sources.small import SmallDump
from tests.cli.conftest import Run
from tests.cli.test_console import on_terminal, posix_only
from tests.synth.big_machine import BigMachine
from tests.synth.stories import demo, xp


@pytest.fixture(scope="module")
def machine() -> BigMachine:
    return BigMachine(demo.builder())


@pytest.fixture
def big(tmp_path: Path, machine: BigMachine) -> Path:
    path = tmp_path / "MEMORY.DMP"
    path.write_bytes(machine.complete())
    return path


def test_analyze(run: Run, big: Path) -> None:
    code, out, _ = run("analyze", big)
    assert code == 0
    assert out.startswith(f"MEMORY.DMP: complete memory dump, x64, {big.stat().st_size:,} bytes, whole\n")
    assert "wobblefs.sys" in out
    assert "holds one thread's stack" not in out


def test_analyze_as_json(run: Run, big: Path) -> None:
    report = json.loads(run("analyze", "--format", "json", big).out)
    assert (report["file"]["format"], report["file"]["kind"]) == ("big", "complete memory dump")
    assert report["file"]["sha256"] == {"absent": "not_captured"}


def test_a_bitmap_dump_is_named(run: Run, tmp_path: Path, machine: BigMachine) -> None:
    path = tmp_path / "kernel.dmp"
    path.write_bytes(machine.bitmap(6))
    assert run("analyze", path).out.startswith("kernel.dmp: kernel memory dump (bitmap), x64, ")


@pytest.mark.parametrize("section", ["stack", "modules", "processors", "threads", "debugger-data", "pages", "memory"])
def test_show(run: Run, big: Path, section: str) -> None:
    code, out, err = run("show", big, section)
    assert (code, err) == (0, "")
    assert out


def test_the_layout_is_that_of_small_dumps_alone(run: Run, big: Path) -> None:
    code, _, err = run("show", big, "layout")
    assert code == 3
    assert "not a small memory dump" in err


def test_check(run: Run, big: Path) -> None:
    assert run("check", big).out == f"{big}: whole\n"
    big.write_bytes(big.read_bytes()[:-0x1000])
    code, out, _ = run("check", big)
    assert code == 4
    assert "[pages-cut]" in out


@pytest.mark.parametrize("story", [demo, xp])
def test_write(run: Run, tmp_path: Path, story: object) -> None:
    facts = story.builder()  # type: ignore[attr-defined]
    source, small = tmp_path / "MEMORY.DMP", tmp_path / "small.dmp"
    source.write_bytes(BigMachine(facts).complete())
    code, out, err = run("write", source, "-o", small, "--profile", "modern")
    assert (code, err) == (0, "")
    assert f"{len(facts.drivers)} drivers" in out
    with open_dump(small) as written, open_dump(source) as whole:
        assert isinstance(written, SmallDump)
        for fact in ("bug_check", "process", "thread", "processor"):
            assert getattr(written, fact) == getattr(whole, fact), fact
        assert written.contexts.crash == whole.contexts.crash
        assert [module.base for module in written.modules] == [module.base for module in whole.modules]
    assert run("check", small).code == 0


@posix_only
def test_progress_on_a_terminal(big: Path) -> None:
    assert "reading what goes in" in on_terminal("write", big, "--plan")
