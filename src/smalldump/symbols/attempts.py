"""Attempts: where an image or a PDB was looked for, and what came of it. All of them are kept."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import NamedTuple

__all__ = ["Attempt", "Found", "Outcome"]


class Outcome(Enum):
    """What came of asking one place."""

    FOUND = "found"
    """The file is there, and it is the one."""
    ABSENT = "absent"
    """The place does not have it."""
    REFUSED = "refused"
    """The place may have it and does not give it, or it may not be asked."""
    MALFORMED = "malformed"
    """What came is not what was asked for: another file, a damaged one, or too many bytes."""
    TIMEOUT = "timeout"
    """No answer, or no end of it, in time."""
    UNREACHABLE = "unreachable"
    """No connection."""
    FAILED = "failed"
    """The server or the disk reported an error."""
    SKIPPED = "skipped"
    """Not asked: the server was given up."""

    @property
    def final(self) -> bool:
        """Whether asking again at once would come to the same."""
        return self in (Outcome.ABSENT, Outcome.REFUSED, Outcome.MALFORMED)


class Attempt(NamedTuple):
    """One place that was asked.

    Attributes:
        store: The folder or server, without what is secret in its address.
        key: What it was asked for: a path inside the store.
        detail: More about the outcome, in words; empty where there is no more to tell.
    """

    store: str
    key: str
    outcome: Outcome
    detail: str = ""


class Found(NamedTuple):
    """The answer of all stores together.

    Attributes:
        path: The file, proved to be the one that was wanted; None where nobody has it.
        attempts: In the order in which they were made.
    """

    path: Path | None
    attempts: tuple[Attempt, ...] = ()
