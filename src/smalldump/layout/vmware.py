"""VMware's suspended states and snapshots (.vmss, .vmsn): groups of named, indexed values.

A group is a list of tags: a 16-bit word (size of the value in bits 0 to 5, number of indices in bits 6 and 7, length of
the name in bits 8 to 15), the name, the indices (4 bytes each), the value. The sizes 63 and 62 announce a block
(`VmwareBlock`), 62 a compressed one; a word of 0 ends the group.

Source: public readers of the format.
"""

from __future__ import annotations

from smalldump.layout.record import Record, raw, u16, u32, u64

__all__ = ["VMWARE_SIGNATURES", "VmwareBlock", "VmwareGroup", "VmwareHeader"]

VMWARE_SIGNATURES = tuple(
    word.to_bytes(4, "little") for word in (0xBED2BED2, 0xBED3BED3, 0xBAD1BAD1, 0xBAD2BAD2, 0xBED1BED1)
)


class VmwareHeader(Record, size=0x0C):
    """The head of the file; its groups follow."""

    id = u32(0x00, "0xBED2BED2, 0xBED3BED3 (memory in a file of its own), 0xBAD1BAD1, 0xBAD2BAD2")
    version = u32(0x04)
    groups = u32(0x08, "groups that follow")


class VmwareGroup(Record, size=0x50):
    """Where a group lies."""

    name = raw(0x00, 64, "`cpu`, `memory`, ..., NUL ended")
    position = u64(0x40, "file offset")
    size = u64(0x48)


class VmwareBlock(Record, size=0x12):
    """The head of a large value; padding and the bytes follow."""

    size = u64(0x00, "bytes in the file")
    size_in_memory = u64(0x08)
    padding = u16(0x10, "bytes between this head and the value")
