"""Bytes at addresses. `memory.paging`, which small dumps do not need, is imported by those who do."""

from __future__ import annotations

from smalldump.memory.ranges import RangeMap
from smalldump.memory.spaces import AddressSpace, BytesSpace, Overlay, Segment

__all__ = ["AddressSpace", "BytesSpace", "Overlay", "RangeMap", "Segment"]
