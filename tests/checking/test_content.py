"""What stretches of bytes hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.checking.content import Content, content_of, data_end, data_start

CHUNK = 0x10000
"""Bytes that are looked at in one go."""


@given(st.binary(max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_first_and_last_byte_that_is_not_zero(data: bytes, first: int, second: int) -> None:
    start, end = sorted((min(first, len(data)), min(second, len(data))))
    there = [index for index in range(start, end) if data[index]]
    assert data_start(memoryview(data), start, end) == (there[0] if there else end)
    assert data_end(memoryview(data), start, end) == (there[-1] + 1 if there else start)


@pytest.mark.parametrize("place", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 6])
def test_one_byte_among_many_zeros_is_found(place: int) -> None:
    data = bytearray(3 * CHUNK + 7)
    data[place] = 1
    assert data_start(memoryview(data), 0, len(data)) == place
    assert data_end(memoryview(data), 0, len(data)) == place + 1
    assert content_of(memoryview(data), 0, len(data)) is Content.DATA


def test_fill_counts_only_in_its_place() -> None:
    data = memoryview(b"PAGE" * (CHUNK // 2))
    assert content_of(data, 0, len(data)) is Content.FILL
    assert content_of(data, 2, len(data) - 1) is Content.FILL
    assert content_of(memoryview(b"AGEPAGEP"), 0, 8) is Content.DATA


def test_zeros_and_nothing_at_all() -> None:
    assert content_of(memoryview(bytes(2 * CHUNK)), 0, 2 * CHUNK) is Content.ZEROS
    assert content_of(memoryview(b"data"), 2, 2) is Content.ZEROS
