"""Addresses: one way to print and to parse them."""

from __future__ import annotations

__all__ = ["format_address", "parse_address", "sign_extended"]

_LOW_WORD = 0xFFFFFFFF


def format_address(address: int, bits: int = 64) -> str:
    """Write an address as WinDbg does: ``fffff803`1a2b3c40``, or eight digits for 32-bit machines."""
    if bits == 32:
        return f"{address & _LOW_WORD:08x}"
    return f"{address >> 32 & _LOW_WORD:08x}`{address & _LOW_WORD:08x}"


def parse_address(text: str) -> int:
    """Read an address in WinDbg's or C's notation; the digits are always hexadecimal.

    Raises:
        ValueError: The text is no hexadecimal number of at most 64 bits.
    """
    value = int(text.strip().replace("`", ""), 16)
    if not 0 <= value < 1 << 64:
        raise ValueError(f"not a 64-bit address: {text!r}")
    return value


def sign_extended(address: int) -> int:
    """Give a 32-bit address the 64-bit form that small memory dumps store (upper half: copies of bit 31)."""
    low = address & _LOW_WORD
    return low | 0xFFFFFFFF00000000 if low & 0x80000000 else low
