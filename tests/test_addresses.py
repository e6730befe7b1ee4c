"""Addresses as text, and 32-bit ones in 64-bit form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.addresses import format_address, parse_address, sign_extended

ADDRESSES = st.integers(0, (1 << 64) - 1)


def test_as_windbg_writes_them() -> None:
    assert format_address(0xFFFFF8031A2B3C40) == "fffff803`1a2b3c40"
    assert format_address(0x10) == "00000000`00000010"
    assert format_address(0x804D7000, 32) == "804d7000"
    assert format_address(0xFFFFFFFF804D7000, 32) == "804d7000"


@given(ADDRESSES)
def test_what_is_written_can_be_read(address: int) -> None:
    assert parse_address(format_address(address)) == address
    assert parse_address(hex(address)) == address
    assert parse_address(f"  {address:X}\n") == address


@given(st.integers(0, 0xFFFFFFFF))
def test_32_bits(address: int) -> None:
    assert parse_address(format_address(address, 32)) == address
    assert len(format_address(address, 32)) == 8


@pytest.mark.parametrize("text", ["", "`", "xyz", "-1", "0x1" + 16 * "0", "10h"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_address(text)


def test_sign_extension() -> None:
    assert sign_extended(0x804D7000) == 0xFFFFFFFF804D7000
    assert sign_extended(0x7FFDF000) == 0x7FFDF000
    assert sign_extended(0xFFFFFFFF804D7000) == 0xFFFFFFFF804D7000


@given(ADDRESSES)
def test_sign_extension_keeps_the_low_half(address: int) -> None:
    extended = sign_extended(address)
    assert extended & 0xFFFFFFFF == address & 0xFFFFFFFF
    assert extended >> 32 in (0, 0xFFFFFFFF)
    assert sign_extended(extended) == extended
