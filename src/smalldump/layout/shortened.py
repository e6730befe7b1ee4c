"""The note that the writer leaves in the header's comment when a structure had to be shortened.

A 64-bit machine in 64 KB: the copy of the KPRCB ends early, and SizePrcb says so. Debuggers print the comment, so that
people learn the structure's true size. Source: format reference §9.7.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Shortened", "shortened_note", "shortened_structures"]

_NOTE = re.compile(r"\b(KPRCB) of (0x[0-9a-f]{1,8}) bytes shortened to (0x[0-9a-f]{1,8})\b")


class Shortened(NamedTuple):
    """A structure of which the dump holds only the first bytes.

    Attributes:
        size: Its true size in bytes.
        kept: Bytes that the dump holds.
    """

    kind: str
    size: int
    kept: int


def shortened_note(shortened: Shortened) -> str:
    """The note, in the form that `shortened_structures` reads."""
    return f"{shortened.kind} of {shortened.size:#x} bytes shortened to {shortened.kept:#x}"


def shortened_structures(comment: str) -> tuple[Shortened, ...]:
    """What the notes in a comment say."""
    return tuple(Shortened(kind, int(size, 16), int(kept, 16)) for kind, size, kept in _NOTE.findall(comment))
