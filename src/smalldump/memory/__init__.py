"""Bytes at addresses."""

from __future__ import annotations

from smalldump.memory.paging import Mapping, PageState, PagingKind, Translation, VirtualSpace
from smalldump.memory.ranges import RangeMap
from smalldump.memory.spaces import AddressSpace, BytesSpace, Overlay, Segment

__all__ = [
    "AddressSpace",
    "BytesSpace",
    "Mapping",
    "Overlay",
    "PageState",
    "PagingKind",
    "RangeMap",
    "Segment",
    "Translation",
    "VirtualSpace",
]
