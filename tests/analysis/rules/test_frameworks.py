from __future__ import annotations

import pytest

from smalldump.analysis.culprit import CulpritKind
from tests.analysis.buckets import DRIVER, IRP, OTHER, PDO
from tests.analysis.rules.cases import device, driver_of, says, verdict


def test_the_caller_that_a_parameter_holds() -> None:
    found = verdict(0x10D, 4, 0, OTHER + 0x20, file="Wdf01000.sys", other="gizmo.sys")
    assert driver_of(found) == "gizmo.sys"


def test_the_device_whose_driver_the_usb_stack_stopped_for() -> None:
    found = verdict(0xFE, 8, 2, PDO, IRP, file="usbhub.sys", other="gizmo.sys", memory=device(PDO, OTHER))
    assert driver_of(found) == "gizmo.sys"
    assert says(found.next_steps, "Try another port and cable")


@pytest.mark.parametrize(("code", "file"), [(0x10D, "Wdf01000.sys"), (0x7C, "ndis.sys"), (0xFE, "usbhub.sys")])
def test_the_framework_alone_is_never_blamed(code: int, file: str) -> None:
    found = verdict(code, 5, DRIVER + 0x20, file=file)
    assert (found.culprit, found.kind) == (None, CulpritKind.UNDECIDED)


def test_a_client_that_is_not_told() -> None:
    found = verdict(0x10D, 5, 0xFFFFC48F70000000, file="Wdf01000.sys")
    assert found.culprit is None
    assert says(found.limits, "Which client the framework stopped for is not told")
