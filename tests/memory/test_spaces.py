from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import MemoryUnavailable
from smalldump.memory.spaces import BytesSpace, Overlay, Segment

BASE = 0xFFFFF80312340000
SEGMENTS = st.lists(st.tuples(st.integers(0, 80), st.binary(max_size=24)), max_size=8)


@given(SEGMENTS, st.integers(0, 100), st.integers(0, 60))
def test_reading_agrees_with_one_flat_buffer(segments: list[tuple[int, bytes]], at: int, size: int) -> None:
    flat: dict[int, int] = {}
    for start, data in segments:
        for index, value in enumerate(data):
            flat.setdefault(start + index, value)
    space = Overlay(Segment(BASE + start, memoryview(data), "x") for start, data in segments)
    expected = bytearray()
    while len(expected) < size and at + len(expected) in flat:
        expected.append(flat[at + len(expected)])
    assert space.read_some(BASE + at, size) == bytes(expected)
    assert (BASE + at in space) == (at in flat)


def test_a_read_into_a_gap_raises_with_what_was_there() -> None:
    space = BytesSpace({BASE: b"abcd"})
    with pytest.raises(MemoryUnavailable, match="fffff803`12340002") as error:
        space.read(BASE + 2, 4)
    assert (error.value.got, error.value.wanted) == (b"cd", 4)
    assert space.try_read(BASE + 2, 4) is None
    assert space.try_read(BASE + 2, 2) == b"cd"


def test_words_are_little_endian_and_none_when_missing() -> None:
    space = BytesSpace({BASE: b"\x10\x32\x54\x76"})
    assert space.word(BASE, 4) == 0x76543210
    assert space.word(BASE, 8) is None


def test_each_byte_remembers_where_it_came_from() -> None:
    stack = Segment(BASE, memoryview(b"1234"), "call stack", 0x9000)
    block = Segment(BASE + 2, memoryview(b"xxxxxx"), "data block 0", 0xA000)
    space = Overlay([stack, block])
    assert space.read(BASE, 8) == b"1234xxxx"
    assert space.origin(BASE + 3) is stack
    assert space.origin(BASE + 4) is block
    assert space.origin(BASE + 8) is None
