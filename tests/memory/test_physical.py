from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import FormatError
from smalldump.memory import BitmapSpace, MappedFile, PageBitmap, PhysicalSpace, Run, RunSpace
from tests.physical_files import page

PAGE = 0x1000
RUNS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(0, 70)), max_size=8)


def agrees(space: PhysicalSpace, flat: dict[int, int], at: int, size: int) -> None:
    expected = bytearray()
    while len(expected) < size and at + len(expected) in flat:
        expected.append(flat[at + len(expected)])
    assert space.read_some(at, size) == bytes(expected)
    assert (at in space) == (at in flat)
    assert space.next_readable(at, at + size) == next((a for a in range(at, at + size) if a in flat), None)
    there = [address for start, end in space.ranges() for address in range(start, end)]
    assert there == sorted(flat)


@given(RUNS, st.integers(0, 60), st.integers(0, 40))
def test_runs_agree_with_one_flat_buffer(runs: list[tuple[int, int, int]], at: int, size: int) -> None:
    data = bytes(range(64))
    flat: dict[int, int] = {}
    for start, length, offset in runs:
        for index, value in enumerate(data[offset : offset + length]):
            flat.setdefault(start + index, value)
    space = RunSpace(MappedFile(data), (Run(start, start + length, offset) for start, length, offset in runs), 64)
    agrees(space, flat, at, size)
    for address, value in flat.items():
        assert data[space.offset_of(address) or 0] == value


def test_many_overlapping_runs_are_refused() -> None:
    data = MappedFile(bytes(64))
    with pytest.raises(FormatError, match="overlap"):
        RunSpace(data, (Run(0, 2 + index % 2, 0) for index in range(70_000)), 64)


BITS = st.lists(st.integers(0, 9000), unique=True, max_size=40)


@given(BITS, st.integers(0, 9000), st.integers(0, 9000))
def test_bitmaps_agree_with_a_set(numbers: list[int], bit: int, other: int) -> None:
    frames = 8999
    data = bytearray(7 + 1126)
    for number in numbers:
        data[7 + (number >> 3)] |= 1 << (number & 7)
    bitmap = PageBitmap(MappedFile(bytes(data)), 7, frames)
    there = sorted(number for number in numbers if number < frames)
    assert bitmap.rank(bit) == sum(number < bit for number in there)
    assert (bit in bitmap) == (bit in there)
    assert bitmap.next_set(bit, other) == next((number for number in there if bit <= number < other), None)
    run = 0
    while bit + run in there:
        run += 1
    assert bitmap.run(bit, 20) == min(run, 20)


@given(st.lists(st.integers(0, 50), unique=True, max_size=20), st.integers(0, 51 * PAGE), st.integers(0, 3))
def test_pages_of_a_bitmap(numbers: list[int], at: int, missing: int) -> None:
    memory = {number: page(number) for number in numbers}
    bitmap = bytearray(7)
    for number in numbers:
        bitmap[number >> 3] |= 1 << (number & 7)
    pages = b"".join(memory[number] for number in sorted(memory))
    data = bytes(bitmap) + pages[: max(len(pages) - missing * 100, 0)]
    space = BitmapSpace(MappedFile(data), PageBitmap(MappedFile(data), 0, 51), 7, len(data))
    lost = min(missing * 100, len(pages))
    last = max(numbers, default=0)

    def byte_at(address: int) -> bytes:
        number, within = divmod(address, PAGE)
        cut = number == last and within >= PAGE - lost
        return b"" if number not in memory or cut else memory[number][within : within + 1]

    expected = b""
    while len(expected) < 9000 and (one := byte_at(at + len(expected))):
        expected += one
    assert space.read_some(at, 9000) == expected
    assert (at in space) == bool(byte_at(at))
    assert sum(end - start for start, end in space.ranges()) == len(pages) - lost


def test_a_long_run_of_pages_is_read_at_once() -> None:
    """Runs go on from one block of the bitmap into the next."""
    frames = 3 * 4096
    data = b"\xff" * (frames // 8)
    bitmap = PageBitmap(MappedFile(data), 0, frames)
    assert bitmap.run(5, frames) == frames - 5
    assert bitmap.rank(frames) == frames
    assert list(BitmapSpace(MappedFile(data), bitmap, 0, frames * PAGE).ranges()) == [(0, frames * PAGE)]
