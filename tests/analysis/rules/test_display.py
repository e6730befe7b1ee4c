from __future__ import annotations

import pytest

from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.weights import Kind
from tests.analysis.buckets import DRIVER, IRP, unicode_string
from tests.analysis.rules.cases import driver_of, says, verdict


@pytest.mark.parametrize("code", [0x116, 0x117, 0x141])
def test_the_driver_of_the_card_that_did_not_answer(code: int) -> None:
    found = verdict(code, 0, DRIVER + 0x1234, file="nvlddmkm.sys")
    assert (driver_of(found), found.confidence) == ("nvlddmkm.sys", Confidence.MEDIUM)
    assert says(found.next_steps, "display driver")


@pytest.mark.parametrize(("code", "kind"), [(0x116, CulpritKind.UNDECIDED), (0x141, CulpritKind.LIVE_DUMP)])
def test_a_place_in_no_module(code: int, kind: CulpritKind) -> None:
    found = verdict(code, 0, 0xFFFFC48F70000000, file="wobblefs.sys")
    assert (found.culprit, found.kind) == (None, kind)
    assert says(found.limits, "Parameter 2, which should point into the display driver")


@pytest.mark.parametrize("code", [0x113, 0x119, 0x10E])
def test_the_display_driver_on_the_stack(code: int) -> None:
    found = verdict(code, 2, file="nvlddmkm.sys")
    assert (driver_of(found), found.confidence) == ("nvlddmkm.sys", Confidence.LOW)


def test_the_driver_whose_name_a_stuck_thread_comes_with() -> None:
    found = verdict(0xEA, 0, 0, IRP, memory=unicode_string(IRP, "igdkmd64.sys"))
    assert (found.culprit and found.culprit.name) == "igdkmd64.sys"
    assert found.evidence[0].kind is Kind.NAMED_PARAMETER
    assert says(found.limits, "The stack of the stuck thread")
