from __future__ import annotations

import pytest

from smalldump.analysis.culprit import Confidence, CulpritKind
from tests.analysis.rules.cases import says, verdict


@pytest.mark.parametrize("code", [0x124, 0x80, 0x9C, 0x12B, 0x2E])
def test_the_hardware_itself(code: int) -> None:
    found = verdict(code, file="wobblefs.sys")
    assert (found.culprit, found.kind, found.evidence) == (None, CulpritKind.HARDWARE, ())


def test_the_source_of_the_error_is_named_and_its_record_missed() -> None:
    found = verdict(0x124, 4, 0xFFFFC48F70000000)
    assert "Uncorrectable PCI Express error" in found.summary
    assert says(found.limits, "hardware error record")
    assert says(found.next_steps, "expansion cards")


def test_the_hypervisor_is_no_driver() -> None:
    found = verdict(0x20001, file="wobblefs.sys")
    assert (found.culprit, found.kind, found.confidence) == (None, CulpritKind.UNDECIDED, Confidence.NONE)
    assert says(found.limits, "hypervisor")
