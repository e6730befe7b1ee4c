"""Works for the tests of `workers`, importable in other processes."""

from __future__ import annotations

import os

from smalldump.cli.exits import ExitCode
from smalldump.cli.outcomes import Outcome
from smalldump.intake import ByteSource

__all__ = ["dies_of_poison", "fails", "tells_process", "tells_size"]


def tells_size(source: ByteSource) -> Outcome:
    """The number of bytes."""
    return Outcome(source.name, ExitCode.OK, str(source.size))


def tells_process(source: ByteSource) -> Outcome:
    """The process that did the work."""
    return Outcome(source.name, ExitCode.OK, str(os.getpid()))


def dies_of_poison(source: ByteSource) -> Outcome:
    """Kills its process where the bytes say so."""
    if bytes(source.data) == b"poison":
        os._exit(9)
    return tells_size(source)


def fails(source: ByteSource) -> Outcome:
    """Makes a mistake."""
    raise ZeroDivisionError("one\x1b[2J\nover none")
