from __future__ import annotations

import pytest

from smalldump.analysis.culprit import Confidence, CulpritKind
from tests.analysis.buckets import DRIVER, IRP, OTHER, PDO, power_objects, unicode_string
from tests.analysis.rules.cases import device, driver_of, says, verdict


def test_the_driver_that_has_the_request_that_was_completed_twice() -> None:
    found = verdict(0x44, IRP, other="gizmo.sys", memory=power_objects(OTHER, DRIVER))
    assert (driver_of(found), found.confidence) == ("gizmo.sys", Confidence.MEDIUM)
    assert says(verdict(0x44, IRP).limits, "The IRP that was completed twice")


def test_the_driver_that_takes_too_many_page_table_entries() -> None:
    found = verdict(0xD8, PDO, 0x1000, memory=unicode_string(PDO, "hog.sys"))
    assert (found.culprit and found.culprit.name) == "hog.sys"


def test_the_driver_of_a_device_that_plug_and_play_found_wrong() -> None:
    found = verdict(0xCA, 4, PDO, other="gizmo.sys", memory=device(PDO, OTHER))
    assert driver_of(found) == "gizmo.sys"


def test_locked_pages_without_tracking_ask_for_it() -> None:
    found = verdict(0x76, 0, 0, 5, 0)
    assert found.kind is CulpritKind.UNDECIDED
    assert says(found.next_steps, "TrackLockedPages")


@pytest.mark.parametrize("code", [0x18, 0x20, 0x76])
def test_what_is_found_late_is_never_certain(code: int) -> None:
    found = verdict(code, 0, 1, file="wobblefs.sys")
    assert found.confidence <= Confidence.MEDIUM
    assert says(found.limits, "its maker may be gone")
