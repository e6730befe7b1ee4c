"""Running the program, in this process or in one of its own, and dumps for it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from smalldump.cli.main import run as run_program
from tests.minidumps.conftest import small_disk  # noqa: F401  a fixture
from tests.synth import x64_dump, x86_dump

STREAMS = ("COLUMNS", "NO_COLOR", "PYTHONIOENCODING", "PYTHONUTF8", "TERM")


class Ran(NamedTuple):
    """What a run of the program gave."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run() -> Run:
    """Run in this process: `run("check", path, stdin=b"…")`."""

    def in_process(*arguments: object, stdin: bytes = b"", **env: str) -> Ran:
        environment = dict.fromkeys(STREAMS) | {"COLUMNS": "100"} | env
        with CliRunner().isolation(input=stdin, env=environment) as streams:
            code = run_program([str(argument) for argument in arguments])
            return Ran(code, streams[0].getvalue().decode(), streams[1].getvalue().decode())

    return in_process


def command(*arguments: object) -> list[str]:
    """The command line that starts the program in a process of its own."""
    return [sys.executable, "-m", "smalldump", *map(str, arguments)]


def environment(**env: str) -> dict[str, str]:
    """The environment, without what changes the output, and with `env`."""
    return {name: value for name, value in os.environ.items() if name not in STREAMS} | env


@pytest.fixture
def start() -> Run:
    """Run in a process of its own: `start("check", path, COLUMNS="40")`; what it prints is taken as UTF-8."""

    def in_own_process(*arguments: object, stdin: bytes = b"", **env: str) -> Ran:
        done = subprocess.run(
            command(*arguments), input=stdin, env=environment(**env), capture_output=True, timeout=120, check=False
        )
        return Ran(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))

    return in_own_process


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """A whole dump: 0xD1 in wobblefs.sys."""
    return x64_dump().save(tmp_path, "112226-8765-01.dmp")


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A dump that ends inside its call stack."""
    return x64_dump().damaged("cut in the stack").save(tmp_path, "cut.dmp")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two whole dumps, the later one first by name, and a file that is no dump in spite of its name."""
    made = tmp_path / "Minidump"
    made.mkdir()
    x64_dump().save(made, "a-2026.dmp")
    x86_dump().save(made, "b-2008.dmp")
    (made / "c-text.dmp").write_bytes(b"not a dump at all, only a text\n" * 300)
    return made


@pytest.fixture
def archive(folder: Path) -> Path:
    """The same files in a zip."""
    packed = folder.parent / "sent-in.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for path in sorted(folder.iterdir()):
            made.write(path, path.name)
    return packed


@pytest.fixture
def reader_gone() -> Iterator[int]:
    """The writing end of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)
