from __future__ import annotations

import pytest

from smalldump.analysis.culprit import Confidence, CulpritKind
from tests.analysis.rules.cases import says, verdict


@pytest.mark.parametrize(("code", "first"), [(0x7A, 0x20), (0x77, 0xC000000E)])
@pytest.mark.parametrize("status", [0xC000009C, 0xFFFFFFFFC0000185, 0xC000009D, 0xC000016A, 0xC000000E])
def test_the_status_tells_that_it_is_the_disk(code: int, first: int, status: int) -> None:
    found = verdict(code, first, status, file="wobblefs.sys")
    assert (found.culprit, found.kind, found.confidence) == (None, CulpritKind.HARDWARE, Confidence.MEDIUM)
    assert "STATUS_" in found.summary
    assert says(found.next_steps, "cable")


def test_a_status_that_tells_nothing_of_the_disk() -> None:
    assert verdict(0x7A, 0x20, 0xC0000001).confidence is Confidence.LOW
    assert verdict(0x7A, 0x20, 0xC000009A).kind is CulpritKind.UNDECIDED


def test_a_stack_that_came_back_changed_and_a_store_that_fails() -> None:
    for found in (verdict(0x77, 1, 5), verdict(0x154, 1, 2), verdict(0x1C7, 0, 2, file="wobblefs.sys")):
        assert (found.kind, found.confidence) == (CulpritKind.HARDWARE, Confidence.LOW)
        assert says(found.next_steps, "Test the memory")


def test_a_driver_of_windows_is_not_what_to_look_at_first() -> None:
    steps = verdict(0x24, 0x1900, file="ntfs.sys").next_steps
    assert [words for step in steps for words in ("disk's health", "cable and port", "updates") if words in step] == [
        "disk's health",
        "cable and port",
        "updates",
    ]


def test_ntfs_is_a_place_not_a_culprit() -> None:
    assert verdict(0x24, 0x1900, file="wobblefs.sys").confidence is Confidence.LOW


def test_a_boot_disk_that_is_not_there() -> None:
    found = verdict(0x7B, 0, 0xC0000034)
    assert found.kind is CulpritKind.UNDECIDED
    assert says(found.next_steps, "controller")
