"""The best chain among candidates."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from smalldump.unwind.scan import CALL_SEEN, SLOT, Candidate, Left, best_chain

LEAST = 0x30


def slots(candidates: list[Candidate], *, first: int | None = None, last: int | None = None) -> list[int]:
    return [link.slot for link in best_chain(candidates, 0x1000, LEAST, first=first, last=last)]


def at(*places: int) -> list[Candidate]:
    return [Candidate(place, 0x7700) for place in places]


def test_nothing_in_nothing_out() -> None:
    assert slots([]) == []


def test_return_addresses_that_are_far_enough_apart_are_all_taken() -> None:
    assert slots(at(0x1028, 0x1058, 0x10A8, 0x1138)) == [0x1028, 0x1058, 0x10A8, 0x1138]


def test_of_two_in_one_frame_the_one_behind_a_call_is_taken() -> None:
    candidates = [Candidate(0x1028, 1), Candidate(0x1038, 2, SLOT + CALL_SEEN), Candidate(0x1068, 3)]
    assert slots(candidates) == [0x1038, 0x1068]


def test_a_link_leads_past_stale_addresses() -> None:
    stale = at(0x1058, 0x1098, 0x10D8)
    candidates = [Candidate(0x1028, 1, SLOT, 0x1108), *stale, *at(0x1108, 0x1148)]
    assert slots(candidates) == [0x1028, 0x1108, 0x1148]
    assert slots([*at(0x1028), *stale, *at(0x1108)]) == [0x1028, 0x1058, 0x1098, 0x10D8, 0x1108]


def test_a_link_reaches_further_than_the_scan() -> None:
    stale = [Candidate(slot, 1, -1.0) for slot in range(0x1058, 0x2000, 0x30)]
    assert slots([Candidate(0x1028, 1, SLOT, 0x2008), *stale, Candidate(0x2008, 1)]) == [0x1028, 0x2008]


def test_the_first_slot_may_be_known() -> None:
    assert slots(at(0x1028, 0x1048, 0x1088), first=0x1048) == [0x1048, 0x1088]


def test_the_chain_ends_at_the_trap_frame() -> None:
    assert slots(at(0x1028, 0x1068, 0x1088), last=0x1088) == [0x1028, 0x1088]
    assert slots(at(0x1028, 0x1068), last=0x1088) == [0x1028, 0x1068]


def test_a_proved_link_is_followed_whatever_it_leads_past() -> None:
    stale = [Candidate(slot, 1, 0.9) for slot in range(0x1038, 0x1138, 0x30)]
    chain = best_chain([*stale, Candidate(0x1208, 2, -1.0)], 0x1000, LEAST, first=0x1208, proved=True)
    assert [(link.slot, link.exact) for link in chain] == [(0x1208, True)]
    assert len(best_chain([*stale, Candidate(0x1208, 2, -1.0)], 0x1000, LEAST, first=0x1208)) > 1


def test_registers_travel_along_exact_links() -> None:
    def leave(place: Candidate, registers: Mapping[str, int]) -> Left:
        return Left(registers.get("rbp"), {"rbp": registers.get("rbp", 0) + 0x40})

    chain = best_chain(at(0x1028, 0x1068, 0x10A8), 0x1000, LEAST, first=0x1028, registers={"rbp": 0x1068}, leave=leave)
    assert [(link.slot, dict(link.registers)) for link in chain] == [
        (0x1028, {"rbp": 0x1068}),
        (0x1068, {"rbp": 0x10A8}),
        (0x10A8, {"rbp": 0x10E8}),
    ]


def test_a_chain_does_not_end_where_it_is_said_to_go_on() -> None:
    def leave(place: Candidate, registers: Mapping[str, int]) -> Left:
        return Left(0x1068 if place.slot == 0x1028 else None)

    chain = best_chain([*at(0x1028), Candidate(0x1068, 2, -5.0)], 0x1000, LEAST, leave=leave)
    assert [link.slot for link in chain] == [0x1028, 0x1068]


def test_a_step_that_the_code_speaks_against_is_not_taken() -> None:
    def toll(inner: Candidate, registers: Mapping[str, int], outer: int) -> float:
        return 8.0 * (outer == 0x1068)

    chain = best_chain(at(0x1028, 0x1068, 0x10A8), 0x1000, LEAST, first=0x1028, proved=True, toll=toll)
    assert [link.slot for link in chain] == [0x1028, 0x10A8]


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from([None, 0x30, 0x60, 0x1000])), unique_by=lambda pair: pair[0]
    )
)
def test_a_chain_ascends_and_keeps_its_distance(places: list[tuple[int, int | None]]) -> None:
    candidates = [
        Candidate(0x1008 + 16 * place, place, SLOT, None if size is None else 0x1008 + 16 * place + size)
        for place, size in sorted(places, key=lambda pair: pair[0])
    ]
    chain = best_chain(candidates, 0x1000, LEAST)
    assert bool(chain) == bool(candidates)
    assert all(outer.slot - inner.slot >= LEAST for inner, outer in pairwise(chain))
    assert {(link.slot, link.address) for link in chain} <= {(place.slot, place.address) for place in candidates}
