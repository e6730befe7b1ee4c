from __future__ import annotations

import pytest

from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.weights import Kind
from smalldump.model import UnloadedModule
from tests.analysis.buckets import DRIVER, GONE, KERNEL
from tests.analysis.rules.cases import driver_of, says, verdict

WHERE = DRIVER + 0x1010


@pytest.mark.parametrize(("code", "number"), [(0xA, 4), (0xD1, 4), (0x50, 3), (0xD5, 3), (0xD6, 3)])
def test_the_instruction_names_the_driver(code: int, number: int) -> None:
    parameters = [0xFFFFC00000000010, 2, 0, 0]
    parameters[number - 1] = WHERE
    found = verdict(code, *parameters, file="wobblefs.sys")
    assert (driver_of(found), found.confidence) == ("wobblefs.sys", Confidence.HIGH)
    assert not says(found.limits, "Which instruction")


@pytest.mark.parametrize("code", [0xBE, 0xFC, 0x50])
def test_without_parameter_and_trap_frame_the_stack_alone_gives_low_confidence(code: int) -> None:
    found = verdict(code, 0xFFFFC00000000010, 0, file="wobblefs.sys")
    assert (driver_of(found), found.confidence) == ("wobblefs.sys", Confidence.LOW)
    assert says(found.limits, "Which instruction touched the memory is not told")


@pytest.mark.parametrize("code", [0xCE, 0x50, 0xD1])
def test_an_unloaded_driver_comes_before_the_driver_that_is_there(code: int) -> None:
    gone = (UnloadedModule("Gone.sys", GONE, GONE + 0x10000, False),)
    found = verdict(code, GONE + 0x20, 8, 0, 0, file="wobblefs.sys", unloaded_modules=gone)
    assert (driver_of(found), found.kind) == ("Gone.sys", CulpritKind.UNLOADED_DRIVER)
    assert found.evidence[0].kind is Kind.UNLOADED_DRIVER


def test_an_address_one_bit_away_from_the_kernel_speaks_for_failing_memory() -> None:
    found = verdict(0x50, (KERNEL + 0x2000) ^ 1 << 55, 0, KERNEL + 0x1010, 4)
    assert (found.culprit, found.kind, found.confidence) == (None, CulpritKind.HARDWARE, Confidence.LOW)
    assert "one bit away from fffff800`10002000 (nt+0x2000)" in found.summary
    assert says(found.next_steps, "Test the memory")


@pytest.mark.parametrize("address", [0x6161616161616161, (0xFFFFC00000000000) ^ 1 << 55, KERNEL ^ 3 << 55])
def test_other_wild_addresses_do_not(address: int) -> None:
    assert verdict(0x50, address, 0, KERNEL + 0x1010, 4).kind is CulpritKind.UNDECIDED
