"""Bytes at addresses. `memory.paging`, which small dumps do not need, is imported by those who do."""

from __future__ import annotations

from smalldump.memory.files import FileMapping, FileSpace, MappedFile, OpenedFile, opened_file
from smalldump.memory.physical import PAGE, BitmapSpace, PageBitmap, PhysicalSpace, Run, RunSpace
from smalldump.memory.ranges import RangeMap
from smalldump.memory.spaces import AddressSpace, BytesSpace, Overlay, Segment

__all__ = [
    "PAGE",
    "AddressSpace",
    "BitmapSpace",
    "BytesSpace",
    "FileMapping",
    "FileSpace",
    "MappedFile",
    "OpenedFile",
    "Overlay",
    "PageBitmap",
    "PhysicalSpace",
    "RangeMap",
    "Run",
    "RunSpace",
    "Segment",
    "opened_file",
]
