"""Bytes at addresses."""

from __future__ import annotations

from smalldump.memory.files import FileSpace, MappedFile, OpenedFile
from smalldump.memory.paging import Mapping, PageState, PagingKind, Translation, VirtualSpace
from smalldump.memory.physical import PAGE, BitmapSpace, PageBitmap, PhysicalSpace, Run, RunSpace
from smalldump.memory.ranges import RangeMap
from smalldump.memory.spaces import AddressSpace, BytesSpace, Overlay, Segment

__all__ = [
    "PAGE",
    "AddressSpace",
    "BitmapSpace",
    "BytesSpace",
    "FileSpace",
    "MappedFile",
    "Mapping",
    "OpenedFile",
    "Overlay",
    "PageBitmap",
    "PageState",
    "PagingKind",
    "PhysicalSpace",
    "RangeMap",
    "Run",
    "RunSpace",
    "Segment",
    "Translation",
    "VirtualSpace",
]
