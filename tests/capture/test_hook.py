"""The program that is run for each dump."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from smalldump.capture.hook import run_hook
from tests.capture.conftest import run

TELLING = "import os, sys; open(sys.argv[1], 'w').write('|'.join([*sys.argv[2:], os.environ['{}']]))"


@pytest.mark.parametrize(
    ("variable", "told"),
    [("SMALLDUMP_GUEST", "a $(b) `c`"), ("SMALLDUMP_EVENT", '{"event": "dump"}'), ("SMALLDUMP_DUMP", "/d/a b;c.dmp")],
)
def test_arguments_and_environment_reach_it_unchanged(tmp_path: Path, variable: str, told: str) -> None:
    out = tmp_path / "out"
    program = [sys.executable, "-c", TELLING.format(variable), str(out), "* ?", "$HOME"]
    assert run(run_hook(program, Path("/d/a b;c.dmp"), "a $(b) `c`", '{"event": "dump"}')) == ""
    assert out.read_text() == "|".join(["* ?", "$HOME", "/d/a b;c.dmp", told])


def test_a_program_that_fails(tmp_path: Path) -> None:
    assert run(run_hook(["/bin/sh", "-c", "exit 3"], tmp_path, "", "")) == "exit code 3"


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    assert run(run_hook([str(tmp_path / "none")], tmp_path, "", "")) == "cannot be run: No such file or directory"


def test_a_program_that_does_not_end(tmp_path: Path) -> None:
    program = ["/bin/sh", "-c", 'echo $$ >"$1"/pid; exec sleep 600', "sh"]
    assert run(run_hook(program, tmp_path, "", "", seconds=0.3)) == "ended after 0.3 seconds"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
