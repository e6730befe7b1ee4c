from __future__ import annotations

import pytest

from smalldump.analysis.culprit import Confidence
from smalldump.analysis.weights import Kind
from tests.analysis.rules.cases import driver_of, says, verdict


@pytest.mark.parametrize(("code", "first"), [(0xF7, 0x1234), (0x139, 0), (0x139, 2)])
def test_the_function_above_the_check_overran_its_buffer(code: int, first: int) -> None:
    found = verdict(code, first, file="wobblefs.sys")
    assert driver_of(found) == "wobblefs.sys"
    assert found.evidence[0].kind is Kind.OVERRAN_STACK
    assert found.confidence is Confidence.MEDIUM


@pytest.mark.parametrize("first", [3, 0x1D])
def test_damage_to_what_drivers_share_is_found_late(first: int) -> None:
    found = verdict(0x139, first, file="wobblefs.sys")
    assert found.confidence <= Confidence.MEDIUM
    assert says(found.limits, "found by whoever uses it next")
    assert says(found.next_steps, "special pool")


def test_a_check_in_the_kernel_alone_blames_nobody() -> None:
    assert verdict(0xF7, 0x1234).culprit is None
