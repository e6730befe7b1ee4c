"""LiME: memory as ranges, each with a header of its own. Source: the format's public description, version 1."""

from __future__ import annotations

from smalldump.layout.record import Record, raw, u32, u64

__all__ = ["LIME_SIGNATURE", "LimeRange"]

LIME_SIGNATURE = b"EMiL"


class LimeRange(Record, size=0x20):
    """The header of a range; the bytes of the range follow, then the next header."""

    magic = raw(0x00, 4, "`EMiL`")
    version = u32(0x04, "1")
    s_addr = u64(0x08, "physical address of the first byte")
    e_addr = u64(0x10, "physical address of the last byte")
    reserved = raw(0x18, 8)
