"""Page tables out of bare memory: a root names itself in one of its entries, so that Windows can edit it.

One pass over all of memory, a few words of each page.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from smalldump.memory import AddressSpace, PhysicalSpace
from smalldump.memory.paging import PagingKind, Translation
from smalldump.sources.discovery.effort import PAGE

__all__ = ["SelfMap", "scanned_roots"]

_CHUNK = 1 << 20
_ZEROS = bytes(_CHUNK)
_LANDMARKS = struct.Struct("<24x Q 3040x I 884x Q 120x Q")
"""Words of a page: qword 3 (PAE: the entry of the directory of page directories), dword 0x300 (x86 without PAE: its
self-map at 0xC0300C00), qword 0x1EF (x64, ARM64: leads to KUSER_SHARED_DATA), qword 0x1FF (x64 with 5 levels)."""

_FRAME = 0x0000FFFFFFFFF000  # without four bits that are of the address on x64, but not on ARM64, and never in use
_FRAME_32 = 0xFFFFF000
_HIGHEST = 1 << 46
_SELF_MAP_X86, _SELF_MAP_PAE = 0x300, 3
_MOST_DIRECTORIES = 4
_UPPER, _MOST_ALIKE = PAGE // 2, 16
_UPPER_HALF = struct.Struct("<256Q")


class SelfMap(NamedTuple):
    """A page that names itself where the root of page tables does: by the entry of that number."""

    translation: Translation
    entry: int


def scanned_roots(physical: AddressSpace, end: int = 0, stored: int = 0) -> Iterator[SelfMap]:
    """Pages that may be roots of page tables, by ascending address; those of PAE come last.

    A PAE root does not name itself, but the last of its four page directories does: a second pass looks for the roots
    that hold the directories found in the first. A root of x64 may be one of ARM64: what is looked at is alike.

    Args:
        end: Physical address behind the last page, 0 where that is not known.
        stored: Bytes of memory that there can be at most, 0 where that is not known: what a file shows at many
            addresses is not read again and again.
    """
    end = min(end or _HIGHEST, _HIGHEST)
    directories: list[bytes] = []
    for address, data in _chunks(physical, end, stored):
        page = address
        for pae, x86, x64, la57 in _LANDMARKS.iter_unpack(data):
            four = x64 & 1 and 0 < x64 & _FRAME < end
            five = la57 & 1 and 0 < la57 & _FRAME < end
            if (four or five) and (own := _own_entry(data, page - address, page)):
                if four:
                    yield SelfMap(Translation(PagingKind.X64, page), own)
                if five:
                    yield SelfMap(Translation(PagingKind.LA57, page), own)
            if x86 & 1 and x86 & _FRAME_32 == page:
                yield SelfMap(Translation(PagingKind.X86, page), _SELF_MAP_X86)
            if pae & 1 and pae & _FRAME == page and len(directories) < _MOST_DIRECTORIES:
                directories.append(data[page - address : page - address + 32])
            page += PAGE
    wanted = [root for each in directories if (root := _pae_root(each))]
    if wanted:
        yield from _pae_roots(physical, wanted, stored)


def _chunks(physical: AddressSpace, end: int, stored: int) -> Iterator[tuple[int, bytes]]:
    # Whole pages, and no zeros where that is cheap to see.
    left = stored or _HIGHEST
    for start, stop in _ranges(physical, end):
        for address in range(start, min(stop, end), _CHUNK):
            data = physical.read_some(address, min(_CHUNK, stop - address))
            if data != _ZEROS:
                yield address, data[: len(data) & -PAGE]
            left -= len(data)
            if left <= 0:
                return


def _ranges(physical: AddressSpace, end: int) -> Iterator[tuple[int, int]]:
    if isinstance(physical, PhysicalSpace):
        for start, stop in physical.data_ranges():
            yield start & -PAGE, stop
        return
    position = physical.next_readable(0, end)
    while position is not None:
        position &= -PAGE
        yield position, position + _CHUNK
        position = physical.next_readable(position + _CHUNK, end)


def _own_entry(data: bytes, at: int, page: int) -> int:
    # The one entry of the kernel's half that leads back to the page, which lies at data[at:]; 0 if there is none, or
    # more than one: pages full of one value are no tables. One byte of each entry is looked at before whole entries.
    column = data[at + _UPPER + 2 : at + PAGE : 8]
    wanted = page >> 16 & 0xFF
    if column.count(wanted) > _MOST_ALIKE:
        own = [n for n, entry in enumerate(_UPPER_HALF.unpack_from(data, at + _UPPER)) if _leads_to(entry, page)]
        return 0x100 + own[0] if len(own) == 1 else 0
    found, index = 0, column.find(wanted)
    while index >= 0:
        entry = int.from_bytes(data[at + _UPPER + 8 * index : at + _UPPER + 8 * index + 8], "little")
        if _leads_to(entry, page):
            if found:
                return 0
            found = 0x100 + index
        index = column.find(wanted, index + 1)
    return found


def _leads_to(entry: int, page: int) -> bool:
    return bool(entry & 1) and entry & _FRAME == page


def _pae_root(directories: bytes) -> bytes | None:
    # What a root holds whose last page directory begins with these entries: the same, with no flag but the first.
    frames = [entry & _FRAME for entry in struct.unpack("<4Q", directories)]
    return None if 0 in frames or len(set(frames)) < len(frames) else struct.pack("<4Q", *(f | 1 for f in frames))


def _pae_roots(physical: AddressSpace, wanted: list[bytes], stored: int) -> Iterator[SelfMap]:
    for address, data in _chunks(physical, 1 << 32, stored):
        for root in wanted:
            at = data.find(root)
            if at >= 0 and at % 32 == 0:
                yield SelfMap(Translation(PagingKind.PAE, address + at), _SELF_MAP_PAE)
