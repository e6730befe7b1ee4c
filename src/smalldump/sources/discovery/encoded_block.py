"""The debugger data block as Windows 8 and later keep it on x64 until the first bug check: encoded.

Each word x of the block lies in memory as ror(bswap(x ^ KiWaitAlways) ^ &KdpDataBlockEncoded, r) ^ KiWaitNever, where
r is KiWaitNever modulo 64. All but the rotation are constants that an exclusive or of two words cancels: with one
word known and the rotation guessed, all are known, and no symbol is needed.

Source of the encoding: QEMU's elf2dmp; format reference §4.2. Tried on machines made by tools only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from itertools import islice, pairwise
from operator import xor

from smalldump.layout.debugger_data import KdDebuggerData64

__all__ = ["BlockKey", "decode", "encoded_places", "guesses_without_base", "keys_for"]

_MASK = (1 << 64) - 1
_TAG = int.from_bytes(b"KDBG", "little")
_HEADER_WORD, _BASE_WORD = 2, 3  # tag and Size; KernBase
_SIZES = range(0x340, 0x400, 8)
"""Of blocks that may be encoded: since Windows 8 they have 0x360 bytes, 0x3A8 are described."""
_MOST_HEADS = 1 << 13
"""List entries that name one place twice, in one piece of memory; real memory has some hundreds in a megabyte."""
_PAGE_SIZE_WORD = KdDebuggerData64.mm_page_size.offset // 8

BlockKey = tuple[int, int]
"""Rotation, and Size of the block."""


def keys_for(kern_base: int) -> dict[int, BlockKey]:
    """What the third and the fourth word of the encoded block can differ by, and what would follow from that."""
    return {
        _rotated_right(_swapped((size << 32 | _TAG) ^ kern_base), rotation): (rotation, size)
        for size in _SIZES
        for rotation in range(64)
    }


def decode(data: bytes, kern_base: int, key: BlockKey) -> bytes | None:
    """The plain block out of the encoded one, as far as its bytes are there; None if it makes no sense."""
    rotation, size = key
    words = struct.unpack_from(f"<{min(size, len(data)) // 8}Q", data)
    if len(words) <= _PAGE_SIZE_WORD:
        return None
    base = words[_BASE_WORD]
    plain = [_swapped(_rotated_left(word ^ base, rotation)) ^ kern_base for word in words]
    if plain[0] != plain[1] or plain[_HEADER_WORD] != size << 32 | _TAG or plain[_PAGE_SIZE_WORD] != 0x1000:
        return None
    return struct.pack(f"<{len(plain)}Q", *plain)


def encoded_places(data: bytes, keys: Mapping[int, BlockKey]) -> Iterator[tuple[int, BlockKey]]:
    """Places in `data` (8-byte steps) where an encoded block may begin: offset, and what its key would be."""
    words = memoryview(data)[: len(data) & -8].cast("Q").tolist()
    if keys.keys().isdisjoint(map(xor, words, words[1:])):
        return
    for index, (tag, base) in enumerate(pairwise(words[_HEADER_WORD:])):
        key = keys.get(tag ^ base)
        if key is not None:
            yield index * 8, key


def guesses_without_base(data: bytes) -> Iterator[tuple[int, list[tuple[int, BlockKey]]]]:
    """Places in `data` (8-byte steps) where an encoded block may begin: offset; KernBase and key as they would be.

    The list entry in front points to one place twice, and the kernel's base is a page in the topmost part of memory.
    """
    words = memoryview(data)[: len(data) & -8].cast("Q").tolist()
    heads = (index for index, (first, second) in enumerate(pairwise(words[:-2])) if first == second and first)
    for index in islice(heads, _MOST_HEADS):
        difference = words[index + 2] ^ words[index + 3]
        if difference and _has_ones(difference):
            yield index * 8, list(_guesses(difference))


def _guesses(difference: int) -> Iterator[tuple[int, BlockKey]]:
    for rotation in range(64):
        value = _swapped(_rotated_left(difference, rotation))
        # KernBase ^ (Size, tag): page aligned, and 0xFFFFF8... but for the bits of Size.
        if value & 0xFFF == _TAG & 0xFFF and value >> 43 == _MASK >> 43:
            for size in _SIZES:
                yield value ^ (size << 32 | _TAG), (rotation, size)


def _has_ones(value: int) -> bool:
    # Sixteen ones in a row, going round: the top of every kernel address.
    row = value | value << 64
    row &= row >> 1
    row &= row >> 2
    row &= row >> 4
    return bool(row & row >> 8)


def _swapped(value: int) -> int:
    return int.from_bytes(value.to_bytes(8, "little"), "big")


def _rotated_left(value: int, count: int) -> int:
    return (value << count | value >> (64 - count)) & _MASK


def _rotated_right(value: int, count: int) -> int:
    return (value >> count | value << (64 - count)) & _MASK
