from __future__ import annotations

from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.weights import Kind
from tests.analysis.buckets import DRIVER, PDO, unicode_string
from tests.analysis.rules.cases import device, driver_of, says, verdict

AWAY = 0xFFFFC48F70000000


def test_the_driver_that_made_the_call() -> None:
    found = verdict(0xC4, 0x32, file="wobblefs.sys")
    assert (driver_of(found), found.confidence) == ("wobblefs.sys", Confidence.MEDIUM)
    assert found.evidence[0].kind is Kind.VERIFIED_CALL


def test_a_place_that_agrees_with_the_call_is_certain() -> None:
    found = verdict(0xC4, 0xF6, 0, 0, DRIVER + 0x20, file="wobblefs.sys")
    assert (driver_of(found), found.confidence) == ("wobblefs.sys", Confidence.HIGH)
    assert verdict(0xC9, 0x310, DRIVER + 0x20, file="wobblefs.sys").confidence is Confidence.HIGH


def test_the_driver_that_leaks_pool_is_named() -> None:
    found = verdict(0xC4, 0x62, PDO, memory=unicode_string(PDO, "echosrv.sys"))
    assert (found.culprit and found.culprit.name) == "echosrv.sys"


def test_the_device_whose_dma_was_blocked() -> None:
    found = verdict(0xE6, 0x26, PDO, other="gizmo.sys", memory=device(PDO, 0xFFFFF80030000000))
    assert driver_of(found) == "gizmo.sys"


def test_a_name_that_is_not_in_the_dump_is_said_to_be_missing() -> None:
    found = verdict(0xC4, 0x62, AWAY)
    assert found.kind is CulpritKind.UNDECIDED
    assert says(found.limits, "Parameter 2 points to the name")
