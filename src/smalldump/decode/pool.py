"""Pool headers: sizes in bytes, and the tag.

Source: Microsoft's public symbols.
"""

from __future__ import annotations

from typing import NamedTuple

from smalldump.layout.pool import PoolHeader32, PoolHeader64

__all__ = ["PoolBlock", "pool_block"]

_PROTECTED = 0x80  # the highest bit of the tag's last character


class PoolBlock(NamedTuple):
    """What a pool header tells.

    Attributes:
        size: Of the block with its header, in bytes.
        previous: Size of the block before, in bytes; 0 at the beginning of a page.
        pool_type: As it stands there: what its bits mean changed between builds.
        tag: Four characters; those that cannot be printed are dots.
        printable: Whether all characters can be printed, as in sound headers.
    """

    size: int
    previous: int
    pool_type: int
    tag: str
    printable: bool


def pool_block(header: PoolHeader32 | PoolHeader64) -> PoolBlock:
    """Decode a header; it may be damaged."""
    raw = bytearray(header.pool_tag)
    raw[3] &= ~_PROTECTED
    tag = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in raw)
    printable = all(0x20 <= byte < 0x7F for byte in raw)
    if isinstance(header, PoolHeader64):
        previous, size, pool_type = header.previous_size * 16, header.block_size * 16, header.pool_type
    else:
        previous, size = (header.previous_word & 0x1FF) * 8, (header.block_word & 0x1FF) * 8
        pool_type = header.block_word >> 9
    return PoolBlock(size, previous, pool_type, tag, printable)
