"""Absent: a fact that a dump does not tell, with the reason. A small dump is mostly absence."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

__all__ = ["Absent", "present"]

T = TypeVar("T")


class Absent(Enum):
    """Why a fact is not there. Falsy, so that `fact or default` reads well where 0 and '' are no facts either.

    CORRUPT: the file says that it is there, but it contradicts itself, or the file ends before it.
    """

    NOT_CAPTURED = "not_captured"
    PAGED_OUT = "paged_out"
    CORRUPT = "corrupt"
    NOT_APPLICABLE = "not_applicable"
    NO_SYMBOLS = "no_symbols"
    UNSUPPORTED = "unsupported"

    def __bool__(self) -> bool:
        return False

    @property
    def words(self) -> str:
        """The reason for people."""
        return _WORDS[self]


_WORDS = {
    Absent.NOT_CAPTURED: "not in this dump",
    Absent.PAGED_OUT: "was paged out",
    Absent.CORRUPT: "lost or damaged",
    Absent.NOT_APPLICABLE: "does not exist here",
    Absent.NO_SYMBOLS: "needs symbols",
    Absent.UNSUPPORTED: "layout not known for this build",
}


def present(fact: T | Absent | None) -> T | None:
    """The fact, or None where it is absent."""
    return None if isinstance(fact, Absent) else fact
