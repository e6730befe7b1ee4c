"""The ranges of memory that components of the kernel named for small dumps: IopTriageDumpDataBlocks."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping

from smalldump.memory import AddressSpace
from smalldump.model.machine import Machine
from smalldump.model.records import DataBlock

__all__ = ["triage_ranges"]

_MOST_RANGES = 4096
_LARGEST = 1 << 20  # bytes; a driver's buffer, not its pool


def triage_ranges(
    memory: AddressSpace, machine: Machine, words: Mapping[str, int], place: Callable[[int], int]
) -> Iterator[DataBlock]:
    """The ranges in the order of the array, as far as they can be read.

    Its entries are pairs of pointers, the second one exclusive. Source: observed with Microsoft's engine.

    Args:
        place: Tells the file offset of an address.
    """
    count_at, array = (words.get(f"iop_{name}triage_dump_data_blocks", 0) & machine.mask for name in ("num_", ""))
    count = memory.word(count_at, 4) if count_at and array else None
    if not count:
        return
    size = 2 * machine.pointer
    data = memory.read_some(array, min(count, _MOST_RANGES) * size)
    for start, end in struct.iter_unpack("<QQ" if machine.bits == 64 else "<II", data[: len(data) // size * size]):
        if start < end <= start + _LARGEST and (readable := len(memory.read_some(start, end - start))):
            yield DataBlock(start, readable, place(start))
