"""Call sites: does a CALL instruction end right before an address?

Real return addresses follow a CALL. Source: Intel SDM volume 2 (CALL, ModR/M and SIB tables); Arm ARM C6.2 (BL, BLR,
BLRAA and its kin).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from smalldump.memory import AddressSpace
from smalldump.model.machine import ARM64

__all__ = ["NO_CALL", "UNKNOWN", "CallSite", "arm64_call", "call_site", "x86_call"]

LONGEST = 7
"""Bytes of the longest near CALL without prefixes: FF, ModR/M, SIB, four bytes of displacement."""
_SHORTEST = 2


class CallSite(NamedTuple):
    """What the bytes before an address say.

    Attributes:
        found: Whether they end in a CALL; None where the dump does not hold enough of them.
        target: Where a direct CALL goes.
    """

    found: bool | None
    target: int | None = None


NO_CALL = CallSite(False)
UNKNOWN = CallSite(None)
_INDIRECT = CallSite(True)


def _indirect_sizes() -> dict[tuple[int, int | None], int]:
    # Size of FF /2 by ModR/M byte, and by the SIB byte's base (None without SIB).
    sizes: dict[tuple[int, int | None], int] = {}
    for mode in range(4):
        for register in range(8):
            modrm, displacement = mode << 6 | 2 << 3 | register, (0, 1, 4, 0)[mode]
            if mode == 3 or register != 4:
                sizes[modrm, None] = 2 + (4 if (mode, register) == (0, 5) else displacement)
            else:
                sizes |= {(modrm, base): 3 + (4 if (mode, base) == (0, 5) else displacement) for base in range(8)}
    return sizes


_SIZES = _indirect_sizes()
_SIB_FORMS = frozenset(modrm for modrm, base in _SIZES if base is not None)


def x86_call(code: bytes, address: int, mask: int) -> CallSite:
    """Whether `code`, the bytes right before `address`, ends in a near CALL of x86 or x64.

    Prefixes (REX, segment) lie before the opcode and do not matter. Far calls are none.

    Args:
        mask: All bits of an address; the target of a direct CALL wraps around there.
    """
    if len(code) >= 5 and code[-5] == 0xE8:
        return CallSite(True, address + int.from_bytes(code[-4:], "little", signed=True) & mask)
    for size in (6, 2, 3, 7, 4):
        if len(code) < size or code[-size] != 0xFF:
            continue
        modrm = code[1 - size]
        base = code[2 - size] & 7 if modrm in _SIB_FORMS and size > 2 else None
        if _SIZES.get((modrm, base)) == size:
            return _INDIRECT
    return NO_CALL if len(code) >= LONGEST else UNKNOWN


def arm64_call(code: bytes, address: int) -> CallSite:
    """Whether `code`, the bytes right before `address`, ends in BL, BLR or one of its authenticating forms."""
    if len(code) < 4:
        return UNKNOWN
    word = int.from_bytes(code[-4:], "little")
    if word & 0xFC000000 == 0x94000000:
        distance = (word & 0x03FFFFFF) << 2
        return CallSite(True, address - 4 + distance - ((distance & 0x08000000) << 1) & ARM64.mask)
    if word & 0xFFFFFC1F == 0xD63F0000 or word & 0xFEFFF800 == 0xD63F0800:
        return _INDIRECT
    return NO_CALL


def call_site(memory: AddressSpace, address: int, decode: Callable[[bytes, int], CallSite]) -> CallSite:
    """Look at the bytes before `address`, as many of them as `memory` holds."""
    code = memory.read_some(address - LONGEST, LONGEST)
    if len(code) == LONGEST:
        return decode(code, address)
    if len(memory.read_some(address - _SHORTEST, _SHORTEST)) < _SHORTEST:
        return UNKNOWN
    parts = (memory.try_read(address - size, size) for size in range(LONGEST - 1, _SHORTEST - 1, -1))
    return decode(next((part for part in parts if part), b""), address)
