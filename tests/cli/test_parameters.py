"""Sizes and ranges of memory, as they are written on the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.addresses import format_address
from smalldump.cli.parameters import parse_range, parse_size
from smalldump.model.requests import Rank


@pytest.mark.parametrize(
    ("text", "size"),
    [("65536", 65536), ("0x10000", 65536), ("0X1f", 31), ("64K", 65536), ("64k", 65536), ("1M", 1 << 20), ("0", 0)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "K", "64KB", "6.5K", "-1", "+1", "1e5", "0x", "10000h", "6 4", "٣", "9" * 5000])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        parse_size(text)


@given(st.integers(0, (1 << 64) - 1))
def test_an_address_stands_for_its_page_in_either_notation(address: int) -> None:
    page = parse_range(format_address(address))
    assert page == parse_range(f"{address:#x}") == parse_range(f"{address:X}")
    assert page.address <= address < page.end
    assert (page.address % 0x1000, page.size, page.rank) == (0, 0x1000, Rank.USER)


@given(st.integers(0, (1 << 64) - 1), st.integers(1, 1 << 26))
def test_a_range_is_taken_as_it_is(address: int, size: int) -> None:
    text = f"{format_address(address)}+{size:#x}"
    if address + size > 1 << 64:
        with pytest.raises(ValueError, match="no range"):
            parse_range(text)
    else:
        assert parse_range(text)[:2] == (address, size)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no address"),
        ("nt!KiBugCheckActive", "no address"),
        ("-1", "no address"),
        ("1" * 17, "no address"),
        ("+10", "no address"),
        ("fffff804`6a972d4c+", "no size"),
        ("fffff804`6a972d4c+x", "no size"),
        ("fffff804`6a972d4c+0", "no range"),
        ("fffff804`6a972d4c+65M", "no range"),
        ("ffffffff`ffffffff+2", "no range"),
    ],
)
def test_no_ranges(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_range(text)
