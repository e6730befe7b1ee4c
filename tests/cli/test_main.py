"""The program as a whole: help, usage, exits, and starting at once."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points

import click
import pytest

import smalldump
from smalldump.cli.console import OutputLost
from smalldump.cli.main import COMMANDS, main, program, run
from tests.cli.conftest import Run, environment

LATE = (
    "rich",
    "jsonschema",
    "zipfile",
    "tarfile",
    "multiprocessing",
    "smalldump.knowledge",
    "smalldump.intake",
    "smalldump.report",
    "smalldump.sources",
    "smalldump.analysis",
    "smalldump.checking",
)


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"smalldump {smalldump.__version__}\n", "")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command_and_every_exit_code(run: Run, flag: str) -> None:
    code, out, err = run(flag)
    assert (code, err) == (0, "")
    assert all(f"  {name} " in out for name in COMMANDS)
    assert all(f"    {number}  " in out for number in range(6))
    assert out.isascii()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_helps(run: Run, name: str) -> None:
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: smalldump {name} ")
    assert out.isascii()


def test_every_module_of_a_command_is_named_in_the_table() -> None:
    context = click.Context(program)
    for name in COMMANDS:
        found = program.get_command(context, name)
        assert isinstance(found, click.Command)
        assert found.name == name
    assert program.get_command(context, "console") is None


def test_entry_point_is_main() -> None:
    (script,) = entry_points(group="console_scripts", name="smalldump")
    assert script.load() is main


def test_no_command_is_wrong_usage_with_help(run: Run) -> None:
    code, out, err = run()
    assert (code, out) == (2, "")
    assert "Commands:" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["anal"], "No such command 'anal'"),
        (["analyze", "--bogus", "x"], "--bogus"),
        (["analyze", "--format", "xml", "x"], "'xml'"),
        (["analyze", "--jobs", "0", "x"], "--jobs"),
        (["analyze", "--jobs", "many", "x"], "many"),
        (["analyze", "--fail-on", "info", "x"], "--fail-on"),
        (["check"], "PATH"),
        (["show"], "PATH"),
        (["show", "x", "everything"], "everything"),
        (["demo", "x"], "(x)"),
        (["an\x1b[2J\u202ealyze"], r"an\x1b[2J\u202ealyze"),
    ],
)
def test_wrong_usage_is_one_clear_line(run: Run, arguments: list[str], words: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("smalldump: ")
    assert words in err
    assert "--help)" in err
    assert err.count("\n") == 1


def test_python_m_smalldump_exits_with_the_code(start: Run) -> None:
    assert start("--version").out == f"smalldump {smalldump.__version__}\n"
    assert start("analyze", "nowhere.dmp").code == 3


def test_interruption_is_quiet(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("smalldump.cli.check"), "outcomes_of", interrupted)
    monkeypatch.setattr("smalldump.cli.main.abandon_output", lambda: None)
    code, out, err = run("check", "x")
    assert (code, out, err.strip()) == (130, "", "")


def test_a_mistake_is_one_line(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    def mistaken(*_: object, **__: object) -> None:
        raise KeyError("a\nb")

    monkeypatch.setattr(import_module("smalldump.cli.show"), "opened", mistaken)
    code, out, err = run("show", "x")
    assert (code, out) == (3, "")
    assert err.startswith("smalldump: internal error, please report it: KeyError at test_main.py:")
    assert err.count("\n") == 1


def test_output_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: object, **__: object) -> None:
        raise OutputLost(OSError(28, "No space left on device"))

    monkeypatch.setattr("smalldump.cli.main.flush", full)
    monkeypatch.setattr("smalldump.cli.main.abandon_output", lambda: None)
    assert run(["check", "nowhere"]) == 5
    assert "could not be written: No space left on device" in capsys.readouterr().err


def test_help_imports_nothing_that_can_wait() -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "smalldump", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
        timeout=60,
    ).stderr
    imported = {line.rpartition("|")[2].strip() for line in told.splitlines() if line.startswith("import time:")}
    assert "click" in imported
    assert not {name for name in imported if name.startswith(LATE)}
