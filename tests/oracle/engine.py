"""Microsoft's debugger engine, asked from Python: a dump and commands go in, what the engine prints comes out."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

from tests.oracle.installation import Installation, SetUpFailed, default_home

__all__ = ["available", "engine", "stop"]

_ATTEMPTS = 3


@cache
def _installation() -> Installation:
    return Installation(default_home())


@cache
def available() -> str | None:
    """Set the engine up where that was not done yet; None where it can run, else the reason why it cannot."""
    try:
        _installation().set_up()
    except SetUpFailed as failure:
        return str(failure)
    return None


def engine(dump: Path, *commands: str, seconds: float = 60) -> str:
    """What the engine prints when it opens `dump` and obeys `commands`; each answer follows a line `>>> COMMAND`.

    One process of the engine per call, one call at a time on a machine. A dump that the engine refuses gives its
    words, and no answers.

    Raises:
        SetUpFailed: The engine cannot be had here (see `available`).
        subprocess.TimeoutExpired: The engine did not end in time; it was killed.
    """
    if reason := available():
        raise SetUpFailed(reason)
    for _ in range(_ATTEMPTS):
        if words := _said(dump, commands, seconds):
            break
    return words


# Wine now and then ends a program before its first word, on a busy machine; the engine itself is never silent.
def _said(dump: Path, commands: tuple[str, ...], seconds: float) -> str:
    place = _installation()
    with place.alone(), TemporaryFile() as orders, TemporaryFile() as words:
        orders.write("".join(f"{command}\n" for command in commands).encode("ascii"))
        orders.seek(0)
        place.start()
        try:
            subprocess.run(
                ["wine", "host.exe", _windows_path(dump)],
                cwd=place.engine,
                env=place.environment,
                stdin=orders,
                stdout=words,
                stderr=subprocess.DEVNULL,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            place.stop()
            raise
        words.seek(0)
        return words.read().decode("utf-8", "replace").replace("\r\n", "\n")


def stop() -> None:
    """End what Wine leaves running; the next call starts it again."""
    place = _installation()
    with place.alone():
        place.stop()


def _windows_path(path: Path) -> str:
    return "Z:" + str(path.resolve()).replace("/", "\\")
