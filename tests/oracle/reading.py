"""One run of Microsoft's engine on a dump: what it says of the machine and of the file, and what it complains of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tests.oracle.engine import engine
from tests.truth.engine import ADDRESS, NO_CONTEXT, NOISE, TARGET, EngineReading

__all__ = ["Frame", "Reading", "read"]

QUESTIONS = (".bugcheck", "r", "lm", "kn 40", "vertarget", ".time", ".dumpdebug")

_COMMENT = re.compile(r"Comment: '(.*)'")
_STACK_WARNING = re.compile(r"WARNING: .*Following frames may be wrong\.")
_STACK_HEAD = re.compile(r" # Child(?:EBP|-SP) +RetAddr +(?:Call Site)?")
_FRAME = re.compile(rf"([0-9a-f]{{2,}}) ({ADDRESS}) ({ADDRESS}) (\S.*)")
_MEMORY = re.compile(rf"({ADDRESS})  ([0-9a-f? -]{{47}})  .*")

# What the engine prints on a dump that it likes. It has neither images nor symbols nor extensions here, and says so.
_OPENING = [
    *TARGET,
    NOISE,
    _COMMENT,
    *(
        re.compile(pattern)
        for pattern in (
            r"Microsoft \(R\) Windows Debugger Version .*",
            r"Copyright \(c\) Microsoft Corporation\. All rights reserved\.",
            r"Loading Dump File \[.*\]",
            r"Mini Kernel Dump File: Only registers and stack trace are available",
            r"Kernel (?:Complete|Bitmap) Dump File: Full address space is available",
            r"Kernel (?:Summary|Bitmap) Dump File: Kernel address space is available, User address space may not be .*",
            r"(?:Symbol|Executable) search path is: .*",
            r"Loading (?:Kernel Symbols|User Symbols|unloaded module list)",
            r"Mini Kernel Dump does not contain unloaded driver list",
            r"\.+",
            r"\*+ Symbol Loading Error Summary \*+",
            r"Module name +Error|\S+ +The system cannot find the file specified",
            r"You can troubleshoot most symbol related issues by .*|You should also verify that your symbol search .*",
            r"Unable to add extension DLL: (?:kdexts|kdextx86|kext|exts)",
            r"The call to LoadLibrary\(ext\) failed, Win32 error 0n2|    \"File not found\.\"",
            r"Please check your debugger configuration and/or network access\.",
            r"\*+|\* +\*|\* +Bugcheck Analysis +\*",
            rf"Bugcheck code [0-9A-F]{{8}}|Arguments {ADDRESS} {ADDRESS} {ADDRESS} {ADDRESS}",
            r"ChildEBP RetAddr  Args to Child +|RetAddr +: Args to Child +: Call Site",
            rf"{ADDRESS} : (?:{ADDRESS} ){{4}}: \S.*|(?:{ADDRESS} ){{5}}\S.*",
            _STACK_WARNING.pattern,
        )
    ),
]
_STACK = [NOISE, _STACK_WARNING, _STACK_HEAD, _FRAME]


class Frame(NamedTuple):
    """A line of `kn`: stack pointer (x86: EBP) of the frame, return address, and where it is, as the engine says."""

    stack_pointer: int
    return_address: int
    place: str


class Reading(EngineReading):
    """The facts of one run.

    Attributes:
        opening: What the engine printed before the first answer.
    """

    def __init__(self, transcript: str) -> None:
        """Take what `tests.oracle.engine.engine` gave for `QUESTIONS` and some `db` commands."""
        super().__init__(transcript)
        self.opening = transcript.partition("\n>>> ")[0].splitlines()

    @cached_property
    def refusal(self) -> str | None:
        """Why the engine gave no answers, in its own words; None where it opened the dump."""
        return None if self.sections else "; ".join(self._strange(self.opening, _OPENING)) or "no answers"

    @cached_property
    def complaints(self) -> list[str]:
        """Every line that a dump in good order does not bring about, once.

        In answers that are facts line by line, such a line is an error when the fact is asked for.
        """
        lines = self._strange(self.opening, _OPENING)
        if self.sections:
            lines += [line.strip() for line in self._lines("r") if NO_CONTEXT.fullmatch(line)]
            lines += self._strange(self._lines("kn 40"), _STACK)
        return list(dict.fromkeys(lines))

    @staticmethod
    def _strange(lines: Iterable[str], known: Iterable[re.Pattern[str]]) -> list[str]:
        return [line.strip() for line in lines if not any(pattern.fullmatch(line) for pattern in known)]

    @cached_property
    def comment(self) -> str | None:
        """The header's comment."""
        found = [match[1] for line in self.opening if (match := _COMMENT.fullmatch(line))]
        return found[0] if found else None

    @cached_property
    def frames(self) -> list[Frame]:
        """The stack as the engine walks it without images and symbols: x64 and ARM64 ones are mostly wrong."""
        found = [match for line in self._lines("kn 40") if (match := _FRAME.fullmatch(line))]
        return [Frame(_number(match[2]), _number(match[3]), match[4]) for match in found]

    @cached_property
    def memory(self) -> Mapping[tuple[int, int], str]:
        """The bytes that `db` printed, by address and size: two digits for each, `??` where the dump lacks it."""
        return dict(_memory(self._lines(command)) for command in self.sections if command.startswith("db "))


def _number(text: str) -> int:
    return int(text.replace("`", ""), 16)


def _memory(lines: list[str]) -> tuple[tuple[int, int], str]:
    found = [match for line in lines if (match := _MEMORY.fullmatch(line))]
    assert len(found) == len(lines) > 0, "not understood: memory"
    start = _number(found[0][1])
    assert all(_number(line[1]) == start + 16 * index for index, line in enumerate(found)), "not in order: memory"
    digits = re.sub("[ -]", "", "".join(line[2] for line in found))
    return (start, len(digits) // 2), digits


def read(dump: Path, memory: Iterable[tuple[int, int]] = ()) -> Reading:
    """Open `dump` with the engine and ask it everything.

    Args:
        dump: The file.
        memory: Pieces of memory to show, as address and size in bytes.

    Raises:
        SetUpFailed, subprocess.TimeoutExpired: See `tests.oracle.engine.engine`.
    """
    return Reading(engine(dump, *QUESTIONS, *(f"db {address:x} L{size:x}" for address, size in memory if size)))
