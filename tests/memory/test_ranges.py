from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from smalldump.memory.ranges import RangeMap

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 9)), max_size=12)


def owners(ranges: list[tuple[int, int, int]]) -> dict[int, int]:
    """The plain truth: each position belongs to the first range that holds it."""
    owned: dict[int, int] = {}
    for start, end, value in ranges:
        for position in range(start, end):
            owned.setdefault(position, value)
    return owned


@given(RANGES)
def test_lookup_agrees_with_a_dictionary(ranges: list[tuple[int, int, int]]) -> None:
    truth, found = owners(ranges), RangeMap(ranges)
    assert {p: found.at(p) for p in range(-1, 62)} == {p: truth.get(p) for p in range(-1, 62)}


@given(RANGES)
def test_pieces_ascend_and_never_overlap(ranges: list[tuple[int, int, int]]) -> None:
    pieces = list(RangeMap(ranges))
    assert all(start < end for start, end, _ in pieces)
    assert all(first[1] <= second[0] for first, second in pairwise(pieces))


@given(RANGES, st.integers(0, 60), st.integers(0, 60))
def test_gaps_are_what_nothing_owns(ranges: list[tuple[int, int, int]], start: int, end: int) -> None:
    truth = owners(ranges)
    gaps = {p for a, b in RangeMap(ranges).gaps(start, end) for p in range(a, b)}
    assert gaps == {p for p in range(start, end) if p not in truth}


@given(RANGES, st.integers(0, 60))
def test_from_position_starts_at_the_holder(ranges: list[tuple[int, int, int]], position: int) -> None:
    found = RangeMap(ranges)
    assert list(found.from_position(position)) == [piece for piece in found if piece[1] > position]


def test_the_earlier_range_wins_and_the_later_one_goes_on_behind_it() -> None:
    assert list(RangeMap([(10, 20, "stack"), (0, 30, "page")])) == [
        (0, 10, "page"),
        (10, 20, "stack"),
        (20, 30, "page"),
    ]
