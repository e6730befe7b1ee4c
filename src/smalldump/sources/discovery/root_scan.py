"""Page tables out of bare memory: a root names itself in one of its entries, so that Windows can edit it.

One pass over all of memory, a few words of each page.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from smalldump.memory import AddressSpace, PagingKind, PhysicalSpace, Translation
from smalldump.sources.discovery.effort import PAGE

__all__ = ["SelfMap", "scanned_roots"]

_CHUNK = 1 << 20
_ZEROS = bytes(_CHUNK)
_LANDMARKS = struct.Struct("<24x Q 3040x I 884x Q 120x Q")
"""Words of a page: qword 3 (PAE: the entry of the directory of page directories), dword 0x300 (x86 without PAE: its
self-map at 0xC0300C00), qword 0x1EF (x64: leads to KUSER_SHARED_DATA), qword 0x1FF (the same with 5 levels)."""

_FRAME_64 = 0x000FFFFFFFFFF000
_FRAME_32 = 0xFFFFF000
_HIGHEST = 1 << 46
_UPPER = PAGE // 2
_UPPER_HALF = struct.Struct("<256Q")


class SelfMap(NamedTuple):
    """A page that names itself where the root of page tables does: by the entry of that number."""

    translation: Translation
    entry: int


def scanned_roots(physical: AddressSpace, end: int = 0) -> Iterator[SelfMap]:
    """Pages that may be roots of page tables, by ascending address; `end` is that of memory, if known.

    A PAE root is found by the last of its four page directories.
    """
    limit = min(end or _HIGHEST, _HIGHEST)
    for start, stop in _ranges(physical, limit):
        for address in range(start, stop, _CHUNK):
            data = physical.read_some(address, min(_CHUNK, stop - address))
            if data and data != _ZEROS:
                yield from _roots_in(physical, address, data[: len(data) & -PAGE], limit)


def _ranges(physical: AddressSpace, end: int) -> Iterator[tuple[int, int]]:
    # Whole pages only.
    if isinstance(physical, PhysicalSpace):
        for start, stop in physical.data_ranges():
            yield start & -PAGE, min(stop, end)
        return
    position = physical.next_readable(0, end)
    while position is not None:
        position &= -PAGE
        yield position, position + _CHUNK
        position = physical.next_readable(position + _CHUNK, end)


def _roots_in(physical: AddressSpace, start: int, data: bytes, limit: int) -> Iterator[SelfMap]:
    page = start
    for pae, x86, x64, la57 in _LANDMARKS.iter_unpack(data):
        if x64 & 1 and 0 < x64 & _FRAME_64 < limit:
            yield from _self_maps(PagingKind.X64, data, page, start)
        if la57 & 1 and 0 < la57 & _FRAME_64 < limit:
            yield from _self_maps(PagingKind.LA57, data, page, start)
        if x86 & 1 and x86 & _FRAME_32 == page:
            yield SelfMap(Translation(PagingKind.X86, page), 0x300)
        if pae & 1 and pae & _FRAME_64 == page:
            yield from _pae_roots(physical, data[page - start : page - start + 32], limit)
        page += PAGE


def _self_maps(kind: PagingKind, data: bytes, page: int, start: int) -> Iterator[SelfMap]:
    # Exactly one entry of the kernel's half leads back; pages full of one value are none.
    if data.find(page.to_bytes(8, "little")[2:6], page - start + _UPPER, page - start + PAGE) < 0:
        return
    entries = _UPPER_HALF.unpack_from(data, page - start + _UPPER)
    own = [index for index, entry in enumerate(entries, 0x100) if entry & 1 and entry & _FRAME_64 == page]
    if len(own) == 1:
        yield SelfMap(Translation(kind, page), own[0])


def _pae_roots(physical: AddressSpace, directories: bytes, limit: int) -> Iterator[SelfMap]:
    # The four directories are named by the last one; the root holds them too, as entries without any flag but the
    # first, somewhere below 4 GB.
    frames = [entry & _FRAME_64 for entry in struct.unpack("<4Q", directories)]
    if 0 in frames or len(set(frames)) < 4:
        return
    wanted = struct.pack("<4Q", *(frame | 1 for frame in frames))
    for start, stop in _ranges(physical, min(limit, 1 << 32)):
        for address in range(start, stop, _CHUNK):
            data = physical.read_some(address, min(_CHUNK, stop - address))
            at = data.find(wanted)
            if at >= 0 and at % 32 == 0:
                yield SelfMap(Translation(PagingKind.PAE, address + at), 3)
                return
