from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smalldump.analysis.bit_flips import canonical_neighbour, differ_by_one_bit
from tests.analysis.buckets import KERNEL, built

MACHINE = built(0x50, (0, 0, 0, 0))


@given(st.integers(0, 2**64 - 1), st.integers(0, 63))
def test_one_bit_is_one_bit(value: int, bit: int) -> None:
    assert differ_by_one_bit(value, value ^ 1 << bit)
    assert not differ_by_one_bit(value, value)


@given(st.integers(47, 63), st.integers(0, 0x7FFFFF))
def test_a_flipped_top_bit_leads_back_into_the_kernel(bit: int, offset: int) -> None:
    address = KERNEL + offset
    assert canonical_neighbour(MACHINE, address ^ 1 << bit) == address
    assert canonical_neighbour(MACHINE, address) is None


@given(st.integers(0, 2**47 - 1))
def test_no_address_of_a_process_is_taken_for_a_flipped_one(address: int) -> None:
    assert canonical_neighbour(MACHINE, address) is None
