"""Who uses a pool tag. Source: see the head of the table."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

from smalldump.knowledge.table import table_path

__all__ = ["TagOwner", "tag_owner"]

_LENGTH = 4


class TagOwner(NamedTuple):
    """The user of a tag: its binary (`nt` for the kernel), and the component in words."""

    binary: str
    component: str


@cache
def _table() -> tuple[tuple[str, TagOwner], ...]:
    lines = table_path("pool_tags.txt").read_text("ascii").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return tuple((pattern, TagOwner(binary, component)) for pattern, binary, component in rows)


def tag_owner(tag: str) -> TagOwner | None:
    """The owner of a tag, whose case matters; None for tags that are not in the table, as those of most drivers."""
    if len(tag) != _LENGTH or any(character in "*?[]" for character in tag):
        return None
    return next((owner for pattern, owner in _table() if fnmatchcase(tag, pattern)), None)
