from __future__ import annotations

import pytest

from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.weights import Kind
from tests.analysis.rules.cases import driver_of, says, verdict


@pytest.mark.parametrize(
    "parameters", [(0x41792, 0, 1 << 40, 0), (0x403, 0, 0x1234, 0x1235), (0x3F, 0, 0x80, 0), (0x5200, 0, 0xF0, 0xF1)]
)
def test_values_that_one_bit_tells_apart(parameters: tuple[int, ...]) -> None:
    found = verdict(0x1A, *parameters, file="wobblefs.sys")
    assert (found.culprit, found.kind) == (None, CulpritKind.HARDWARE)
    assert says(found.next_steps, "Test the memory")


@pytest.mark.parametrize(("code", "first"), [(0x1A, 0x1236), (0x1A, 0x61946), (0x4E, 7), (0x4E, 0x9A)])
def test_what_a_driver_did_to_its_own_pages(code: int, first: int) -> None:
    found = verdict(code, first, file="wobblefs.sys")
    assert (driver_of(found), found.confidence) == ("wobblefs.sys", Confidence.MEDIUM)
    assert found.evidence[0].kind is Kind.CALLER_OF_KERNEL


@pytest.mark.parametrize("code", [0x1A, 0x4E])
def test_other_damage_is_found_late(code: int) -> None:
    found = verdict(code, 0x41284, 0, 3, 0, file="wobblefs.sys")
    assert found.confidence is Confidence.LOW
    assert says(found.limits, "found late")


def test_a_changed_kernel_blames_nobody_on_the_stack() -> None:
    found = verdict(0x109, 0, 0, 0, 1, file="wobblefs.sys")
    assert (found.culprit, found.kind) == (None, CulpritKind.UNDECIDED)
    assert "cannot tell who" in found.summary
    assert says(found.limits, "hides its own stack")
