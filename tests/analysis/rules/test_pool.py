from __future__ import annotations

import struct

import pytest

from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.weights import Kind
from tests.analysis.rules.cases import driver_of, says, verdict

AWAY, BLOCK = 0xFFFFC48F70000000, 0xFFFFC00000005000


@pytest.mark.parametrize(
    ("code", "parameters"), [(0x19, (0x20, AWAY)), (0xC5, (8, 2)), (0x13A, (6,)), (0xC2, (1, AWAY))]
)
def test_whoever_finds_damaged_pool_may_be_its_victim(code: int, parameters: tuple[int, ...]) -> None:
    found = verdict(code, *parameters, file="wobblefs.sys")
    assert (driver_of(found), found.confidence) == ("wobblefs.sys", Confidence.LOW)
    assert says(found.limits, "found late")
    assert says(found.next_steps, "special pool")


def test_a_double_free_is_its_callers_mistake() -> None:
    found = verdict(0xC2, 7, 0, 0, AWAY, file="wobblefs.sys")
    assert (driver_of(found), found.confidence) == ("wobblefs.sys", Confidence.MEDIUM)
    assert found.evidence[0].kind is Kind.CALLER_OF_KERNEL
    assert says(found.limits, "POOL_HEADER")


def test_one_flipped_bit_beside_special_pool_is_the_hardware() -> None:
    assert verdict(0xC1, AWAY, AWAY, 0, 0x32, file="wobblefs.sys").kind is CulpritKind.HARDWARE


def test_damage_with_nobody_in_sight_is_undecided() -> None:
    assert verdict(0x19, 0x20, AWAY).kind is CulpritKind.UNDECIDED


def test_the_owner_of_a_damaged_block_is_a_candidate() -> None:
    header = struct.pack("<BBBB4sQ", 0, 0, 4, 2, b"COMX", 0)
    found = verdict(0x19, 0x20, BLOCK, other="serial.sys", memory={BLOCK: header})
    assert (driver_of(found), found.confidence) == ("serial.sys", Confidence.LOW)
    assert found.evidence[0].kind is Kind.POOL_OWNER
