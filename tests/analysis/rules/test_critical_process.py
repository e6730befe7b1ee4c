from __future__ import annotations

from smalldump.analysis.culprit import Confidence, CulpritKind
from tests.analysis.buckets import IRP
from tests.analysis.rules.cases import says, verdict

AWAY = 0xFFFFC48F70000000


def test_the_process_whose_name_a_parameter_points_to() -> None:
    found = verdict(0xF4, 3, AWAY, IRP, memory={IRP: b"csrss.exe\0"})
    assert (found.kind, found.culprit and found.culprit.name) == (CulpritKind.PROCESS, "csrss.exe")
    assert says(found.next_steps, "event log")


def test_a_process_that_is_not_told() -> None:
    for found in (verdict(0xF4, 3, AWAY, AWAY, file="wobblefs.sys"), verdict(0xEF, AWAY, file="wobblefs.sys")):
        assert found.confidence is Confidence.LOW
        assert says(found.limits, "Which process ended is not told")


def test_the_status_of_a_service_that_windows_needs() -> None:
    assert "STATUS_INVALID_IMAGE_HASH" in verdict(0x5A, 1, 0, 0, 0xC0000428).summary
