"""Physical memory out of a LiME image: ranges with headers of their own, one after the other."""

from __future__ import annotations

from smalldump.errors import FormatError, Truncated
from smalldump.layout.lime import LIME_SIGNATURE, LimeRange
from smalldump.memory import FileSpace, Run, RunSpace
from smalldump.sources.physical_memory import PhysicalMemory

__all__ = ["open_lime"]

_MOST_RANGES = 65_536
_MOST_BYTES = 1 << 52


def open_lime(file: FileSpace) -> PhysicalMemory:
    """The physical memory of a LiME image; it ends where a header makes no sense, which is said.

    Raises:
        FormatError: Not even the first range makes sense.
    """
    runs: list[Run] = []
    position, trouble = 0, None
    while position < file.size and len(runs) < _MOST_RANGES:
        try:
            runs.append(_range(file, position))
        except FormatError as error:
            trouble = error
            break
        position = runs[-1].offset + runs[-1].end - runs[-1].start
    if position > file.size:
        trouble = Truncated("the last range is cut", expected=f"{position:#x} bytes", found=f"{file.size:#x}")
    if trouble is not None and not runs:
        raise trouble
    return PhysicalMemory("LiME", RunSpace(file, runs, file.size), troubles=() if trouble is None else (trouble,))


def _range(file: FileSpace, offset: int) -> Run:
    head = LimeRange(file.read_some(offset, LimeRange.SIZE))
    if head.magic != LIME_SIGNATURE or head.version != 1:
        raise FormatError(
            "no header of a LiME range",
            offset=offset,
            expected="EMiL, version 1",
            found=f"{head.magic!r}, {head.version}",
        )
    if not head.s_addr <= head.e_addr < _MOST_BYTES:
        raise FormatError(
            "a LiME range ends before it begins, or beyond physical memory",
            offset=offset,
            expected="addresses below 2^52",
            found=f"{head.s_addr:#x} to {head.e_addr:#x}",
        )
    return Run(head.s_addr, head.e_addr + 1, offset + head.SIZE)
