"""Decorated names of our own with what Microsoft's undecorator (`__unDName` of vcruntime140.dll 14.44) makes of them.

`names.txt` has three columns: the decorated name, the name alone (UNDNAME_NAME_ONLY), the declaration (no flags).
Spaces at the ends are taken away; names that Microsoft's undecorator spoils are not in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["NAMES", "Named"]


class Named(NamedTuple):
    """A decorated name and its two readings."""

    decorated: str
    name: str
    declaration: str


NAMES = tuple(
    Named(*line.split("\t")) for line in Path(__file__).with_name("names.txt").read_text("utf-8").splitlines()
)
