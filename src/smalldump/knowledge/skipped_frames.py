"""Functions that a search for what failed goes past; they stand in `skipped_frames.txt`, where people edit them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache

from smalldump.knowledge.table import table_path

__all__ = ["is_skipped_function", "skipped_functions"]


@cache
def skipped_functions() -> tuple[str, ...]:
    """Every entry, `module!function` in lower case; `*` stands for any characters."""
    lines = table_path("skipped_frames.txt").read_text("ascii").splitlines()
    return tuple(line.lower() for line in lines if line and not line.startswith("#"))


def is_skipped_function(module: str, function: str) -> bool:
    """Whether a function, by its module's name as WinDbg has it, says nothing of what failed."""
    place = f"{module}!{function}".lower()
    return any(fnmatchcase(place, entry) for entry in skipped_functions())
