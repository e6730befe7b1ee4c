"""Whom a verdict can blame, and how sure it can be."""

from __future__ import annotations

from enum import Enum
from functools import total_ordering
from typing import NamedTuple

__all__ = ["Confidence", "Culprit", "CulpritKind"]


@total_ordering
class Confidence(Enum):
    """How sure a verdict is, in ascending order."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    def __lt__(self, other: Confidence) -> bool:
        return _RANK[self] < _RANK[other]


_RANK = {confidence: rank for rank, confidence in enumerate(Confidence)}


class CulpritKind(Enum):
    """What a verdict blames."""

    DRIVER = "driver"
    UNLOADED_DRIVER = "unloaded_driver"
    PROCESS = "process"
    HARDWARE = "hardware"
    USER = "user_initiated"
    LIVE_DUMP = "live_dump"
    UNDECIDED = "undecided"


class Culprit(NamedTuple):
    """Who is blamed: a driver (file, maker and product where known) or a process (only its name)."""

    name: str
    file: str | None
    vendor: str | None
    product: str | None
