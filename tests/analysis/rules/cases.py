"""Verdicts on machines built for one rule."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from smalldump.analysis import analyse
from smalldump.analysis.verdict import Verdict
from tests.analysis.buckets import built

__all__ = ["device", "driver_of", "says", "verdict"]


def verdict(code: int, *parameters: int, file: str = "", **facts: Any) -> Verdict:
    """The verdict on a machine that stopped in the driver `file`, or in the kernel if there is none."""
    first, second, third, fourth = (*parameters, 0, 0, 0, 0)[:4]
    return analyse(built(code, (first, second, third, fourth), file, **facts)).verdict


def driver_of(found: Verdict) -> str | None:
    """The file that is blamed."""
    return found.culprit.file if found.culprit else None


def says(sentences: tuple[str, ...], words: str) -> bool:
    """Whether one of the sentences holds the words."""
    return any(words in sentence for sentence in sentences)


def device(address: int, image: int) -> Mapping[int, bytes]:
    """A device object at an address, and behind it the driver object of the image at another."""
    owner = address + 0x800
    return {
        address: struct.pack("<HHIQ", 3, 0x150, 0, owner) + bytes(0x140),
        owner: struct.pack("<HHIQQQ", 4, 0x150, 0, 0, 0, image) + bytes(0x130),
    }
