"""What unwinding needs of the images on a stack, so that a small dump can be unwound without them.

The stack is walked with the images in the machine's memory, and what the walk reads of them goes into the dump: the
headers and the identity of the PDB, the entries of the function tables that the look-ups compare, the unwind data of
the functions. Whoever walks the stack in the small dump looks up the same way, and finds it all.

Microsoft's debugger reads function tables as a whole or not at all: with them it unwinds a small dump without images,
too. They take far more than all the rest (0.4 MB for a kernel), so they are the first to go where space is short.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import NamedTuple

from smalldump.images import PeImage
from smalldump.images.loaded import loaded_image
from smalldump.layout.pe import Directory
from smalldump.memory import AddressSpace
from smalldump.model import Module
from smalldump.model.absent import present
from smalldump.model.requests import RangeRequest, Rank
from smalldump.unwind.loaded import LoadedImages

__all__ = ["NotedImages"]

_JOINED_HEADERS = 0x100  # DOS stubs lie between headers; debuggers read across
_JOINED_DATA = 0x10  # what the table's entry for another block would take
_LARGEST_TABLE = 1 << 20


class _Notes(AddressSpace):
    """Memory that notes which of it was read."""

    def __init__(self, memory: AddressSpace) -> None:
        self._memory = memory
        self.reads: list[tuple[int, int]] = []

    def read_some(self, address: int, size: int) -> bytes:
        data = self._memory.read_some(address, size)
        self.reads.append((address, address + len(data)))
        return data

    def drained(self, gap: int) -> list[tuple[int, int]]:
        """The ranges that were read since the last time, ascending; those with less than `gap` between are joined."""
        joined: list[tuple[int, int]] = []
        for start, end in sorted({read for read in self.reads if read[0] < read[1]}):
            if joined and start - joined[-1][1] <= gap:
                joined[-1] = joined[-1][0], max(joined[-1][1], end)
            else:
                joined.append((start, end))
        self.reads.clear()
        return joined


class _Noted(NamedTuple):
    module: Module
    image: PeImage
    notes: _Notes
    headers: list[tuple[int, int]]


class NotedImages(LoadedImages):
    """The images in a machine's memory; what walks read of them is noted."""

    def __init__(self, memory: AddressSpace, *, identity: bool = True) -> None:
        """Look for images in `memory`; `identity` says whether the names of their PDBs are noted, too."""
        super().__init__(memory)
        self._identity = identity
        self._noted: list[_Noted] = []

    def found(self, module: Module) -> PeImage | None:
        notes = _Notes(self.memory)
        image = loaded_image(notes, module.base, module.size, present(module.timestamp))
        if image is None:
            return None
        if self._identity:
            _ = image.codeview  # which is read and noted here
        self._noted.append(_Noted(module, image, notes, notes.drained(_JOINED_HEADERS)))
        return image

    def requests(self, bases: Container[int], rank: Rank) -> Iterator[RangeRequest]:
        """What was read since the last time, of the images at these addresses: those on the stack.

        A search for return addresses looks at others, too.
        """
        for module, _, notes, headers in self._noted:
            if module.base in bases:
                yield from _asked(headers, f"headers of {module.file}", rank)
                yield from _asked(notes.drained(_JOINED_DATA), f"unwind data of {module.file}", rank)
                headers.clear()

    def tables(self, bases: Container[int]) -> Iterator[RangeRequest]:
        """The whole function tables of the images at these addresses."""
        for module, image, _, _ in self._noted:
            rva, size = image.directory(Directory.EXCEPTION) or (0, 0)
            if module.base in bases and 0 < size <= min(module.size, _LARGEST_TABLE):
                yield RangeRequest(module.base + rva, size, f"function table of {module.file}", rank=Rank.OTHER)


def _asked(ranges: list[tuple[int, int]], why: str, rank: Rank) -> list[RangeRequest]:
    return [RangeRequest(start, end - start, why, rank=rank) for start, end in ranges]
