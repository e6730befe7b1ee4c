"""Places: from an RVA of the image to section and offset as the PDB counts them, and back.

Microsoft's tools of the 1990s and 2000s moved the code of finished images. The PDBs of such images describe the order
before; two OMAP tables lead from one order to the other.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from smalldump.layout.msf import OmapData
from smalldump.layout.pe import SectionHeader
from smalldump.symbols.search import SortedTable
from smalldump.symbols.streams import Stream

__all__ = ["Omap", "Place", "Places"]

_SECTION = SectionHeader.unpacker("virtual_size", "virtual_address", "size_of_raw_data")
_OMAP = OmapData.unpacker("rva", "rva_to")
_MOST_SECTIONS = 0x10000


class Place(NamedTuple):
    """A place as the PDB counts: section from 1, and bytes from its start."""

    section: int
    offset: int


class Omap:
    """A table of code that was moved, searched as it lies in the file."""

    def __init__(self, stream: Stream) -> None:
        self._data = stream.data
        self._table = SortedTable(len(stream) // OmapData.SIZE, self._start)

    def __call__(self, rva: int) -> int | None:
        """Where `rva` lies in the other order, or None where it lies nowhere."""
        index = self._table.last_up_to(rva)
        if index < 0:
            return None
        start, target = _OMAP.unpack_from(self._data, index * OmapData.SIZE)
        return target + rva - start if target else None

    def _start(self, index: int) -> int:
        return _OMAP.unpack_from(self._data, index * OmapData.SIZE)[0]  # type: ignore[no-any-return]


class Places:
    """The sections that the PDB counts in, and the way to them.

    Args:
        headers: Section headers of the image; before it was reordered, where it was.
        to_source, from_source: OMAP tables from the image to that order and back; None where nothing was moved.
    """

    def __init__(self, headers: Stream | None, to_source: Omap | None = None, from_source: Omap | None = None) -> None:
        self._to_source, self._from_source = to_source, from_source
        self._sections = list(_sections(headers)) if headers else []
        order = sorted(range(len(self._sections)), key=self._sections.__getitem__)
        self._numbers = [number + 1 for number in order]
        self._starts = [self._sections[number][0] for number in order]

    def find(self, rva: int) -> Place | None:
        """Section and offset of `rva`, or None where it is in no section."""
        source = rva if self._to_source is None else self._to_source(rva)
        return None if source is None else self._place(source)

    def _place(self, rva: int) -> Place | None:
        index = bisect_right(self._starts, rva) - 1
        if index < 0:
            return None
        number = self._numbers[index]
        start, size = self._sections[number - 1]
        return Place(number, rva - start) if rva - start < size else None

    def rva_of(self, section: int, offset: int) -> int | None:
        """RVA in the image of a section and offset, or None where there is no such section or the code was dropped."""
        if not 0 < section <= len(self._sections):
            return None
        source = self._sections[section - 1][0] + offset
        return source if self._from_source is None else self._from_source(source)

    def source_rva(self, rva: int) -> int | None:
        """Where `rva` lay before the image was reordered; the same where it was not."""
        return rva if self._to_source is None else self._to_source(rva)


def _sections(headers: Stream) -> list[tuple[int, int]]:
    """RVA and size of each."""
    count = min(len(headers) // SectionHeader.SIZE, _MOST_SECTIONS)
    found = []
    for index in range(count):
        virtual, start, raw = _SECTION.unpack_from(headers.data, index * SectionHeader.SIZE)
        found.append((start, virtual or raw))
    return found
