"""Headers of blocks in the kernel's pools.

Source: Microsoft's public symbols. The header lies right before the block. From Windows 10 1903 on the pools are
segment heaps: the header has kept its form, but its sizes no longer lead from one block to the next.
"""

from __future__ import annotations

from smalldump.layout.record import Record, raw, u8, u16, u64

__all__ = ["SEGMENT_HEAP_SINCE", "PoolHeader32", "PoolHeader64"]

SEGMENT_HEAP_SINCE = 18362
"""First build whose pools are segment heaps."""


class PoolHeader64(Record, size=0x10):
    """`POOL_HEADER` of 64 bits; sizes count 16 bytes, the header with them."""

    previous_size = u8(0x00)
    pool_index = u8(0x01)
    block_size = u8(0x02)
    pool_type = u8(0x03)
    pool_tag = raw(0x04, 4, "four characters")
    process_billed = u64(0x08, "address of an EPROCESS, encoded on newer builds")


class PoolHeader32(Record, size=0x08):
    """`POOL_HEADER` of 32 bits; sizes count 8 bytes, the header with them."""

    previous_word = u16(0x00, "PreviousSize: 9 bits, PoolIndex: 7 bits")
    block_word = u16(0x02, "BlockSize: 9 bits, PoolType: 7 bits")
    pool_tag = raw(0x04, 4, "four characters")
