"""Whole machines as an image of their memory shows them: all that leads to the kernel is there, no dump header."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from tests.synth.big_machine import BigMachine
from tests.synth.builder import DumpBuilder
from tests.synth.findable import findable
from tests.synth.stories import arm64, demo, xp

__all__ = ["STORIES", "imaged", "pages", "raw"]

PAGE = 0x1000
STORIES: dict[str, Callable[[], DumpBuilder]] = {"x64": demo.builder, "x86": xp.builder, "arm64": arm64.builder}


@cache
def imaged(story: str, base: int = 0) -> BigMachine:
    """The machine of a story with what a kernel is found by: KUSER_SHARED_DATA, KPCRs and such.

    Args:
        base: Physical address where its memory begins.
    """
    return findable(STORIES[story](), base=base)


def pages(machine: BigMachine) -> dict[int, bytes]:
    """Its memory: page frame number to 4 KiB."""
    return {address // PAGE: bytes(page) for address, page in machine.tables.memory.items()}


def raw(machine: BigMachine, base: int = 0) -> bytes:
    """Its memory as it lies from physical address `base` on, gaps zero; 16 MiB at least."""
    memory = {number - base // PAGE: page for number, page in pages(machine).items()}
    last = max(*memory, (16 << 20) // PAGE - 1)
    return b"".join(memory.get(number, bytes(PAGE)) for number in range(last + 1))
