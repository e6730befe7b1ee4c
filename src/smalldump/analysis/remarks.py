"""What plug-ins and lists of known issues leave: remarks, and failures."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Failure", "Remark"]


class Remark(NamedTuple):
    """Something to know about a dump, beside the verdict.

    Attributes:
        source: Who says so: a plug-in's name, or the name of a known issue.
        text: In a sentence or two.
        link: Where more is to be found, or empty.
    """

    source: str
    text: str
    link: str = ""


class Failure(NamedTuple):
    """A plug-in that failed: its name, what it was doing, and the error."""

    name: str
    phase: str
    why: str
