from __future__ import annotations

import pytest

from smalldump.analysis.culprit import Confidence, CulpritKind
from tests.analysis.buckets import DRIVER, KERNEL
from tests.analysis.rules.cases import driver_of, says, verdict

WHERE, AWAY = DRIVER + 0x1010, 0xFFFFC48F70000000


@pytest.mark.parametrize("code", [0x1E, 0x3B, 0x7E, 0x8E])
def test_who_raised_the_exception(code: int) -> None:
    found = verdict(code, 0xC0000005, WHERE, file="wobblefs.sys")
    assert (driver_of(found), found.confidence) == ("wobblefs.sys", Confidence.HIGH)


@pytest.mark.parametrize(("code", "parameters"), [(0x3B, (AWAY, 0)), (0x7E, (0, AWAY)), (0x8E, (AWAY, 0))])
def test_a_context_that_is_not_in_the_dump_is_said_to_be_missing(code: int, parameters: tuple[int, int]) -> None:
    found = verdict(code, 0xC0000005, KERNEL + 0x1010, *parameters)
    assert found.kind is CulpritKind.UNDECIDED
    assert says(found.limits, "is not in the dump: the stack begins at the bug check")


def test_code_whose_page_did_not_come_from_the_disk_is_a_victim() -> None:
    found = verdict(0x7E, 0xC0000006, WHERE, file="wobblefs.sys")
    assert found.confidence is Confidence.LOW
    assert says(found.next_steps, "disk's health")


@pytest.mark.parametrize("status", [0xC000001D, 0xFFFFFFFFC000001D])
def test_an_illegal_instruction_is_never_a_proof(status: int) -> None:
    assert verdict(0x1E, status, WHERE, file="wobblefs.sys").confidence is Confidence.MEDIUM
