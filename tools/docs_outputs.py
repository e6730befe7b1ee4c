"""Outputs in the prose: what the program prints on the dumps that ship, kept fresh.

    <!-- output: smalldump analyze examples/112226-8765-01.dmp | head -20 -->

The block of code behind such a line is written anew: the command behind a `$`, and what it prints. Behind `smalldump`
and its arguments the command may have `| head -N`, `| tail -N`, `| grep TEXT` and, at its end, `; echo $?`. An ellipsis
stands for what `head` leaves out.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

__all__ = ["ROOT", "printed", "refreshed"]

ROOT = Path(__file__).resolve().parent.parent

_BLOCK = re.compile(r"^<!-- output: (?P<command>.+) -->\n```\w*\n(?:(?!```).*\n)*```$", re.MULTILINE)
_EXIT_CODE = "; echo $?"
_WIDTH = "100"


def refreshed(text: str) -> str:
    """The text of a page with every marked output as the program gives it now."""
    return _BLOCK.sub(lambda found: _block(found["command"]), text)


def _block(command: str) -> str:
    return f"<!-- output: {command} -->\n```console\n$ {command}\n{printed(command)}```"


@cache
def printed(command: str) -> str:
    """What a command prints, both streams, with `head`, `tail`, `grep` and `echo $?` as a shell would do them.

    Raises:
        ValueError: The command is not `smalldump` with such an ending.
    """
    asks_code = command.endswith(_EXIT_CODE)
    first, *filters = command.removesuffix(_EXIT_CODE).split(" | ")
    words = shlex.split(first)
    if words[0] != "smalldump":
        raise ValueError(f"not a smalldump command: {command}")
    output, code = _run(tuple(words[1:]))
    lines = output.splitlines()
    for each in filters:
        lines = _filtered(lines, *shlex.split(each))
    return "".join(f"{line}\n" for line in [*lines, *([str(code)] if asks_code else [])])


@cache
def _run(arguments: tuple[str, ...]) -> tuple[str, int]:
    environment = {**os.environ, "COLUMNS": _WIDTH, "NO_COLOR": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "smalldump", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        check=False,
        encoding="utf-8",
    )
    return done.stdout, done.returncode


def _filtered(lines: list[str], name: str, wanted: str) -> list[str]:
    if name == "head":
        count = int(wanted.removeprefix("-"))
        return lines[:count] + ["..."] * (len(lines) > count)
    if name == "tail":
        return lines[-int(wanted.removeprefix("-")) :]
    if name == "grep":
        return [line for line in lines if wanted in line]
    raise ValueError(f"not a filter: {name}")
