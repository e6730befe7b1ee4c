from __future__ import annotations

import struct

import pytest

from smalldump.analysis.culprit import CulpritKind
from smalldump.model import Blob
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
    assert says(found.limits, "only its own log would tell, and that is not in the dump")
    assert says(found.next_steps, "holds the framework's log")
    assert says(verdict(0x7C, 5, file="ndis.sys").limits, "Which client the framework stopped for is not told")


def test_the_clients_of_the_framework_are_to_be_verified() -> None:
    names = (b"Wdf01000", b"gizmo", b"gone")
    entries = b"".join(bytes(8) + struct.pack("<III32sI", 1, 15, 0, name, 0) for name in names)
    blobs = (
        Blob("f87e4a4c-c5a1-4d2f-bff0-d5de63a5e4c3", memoryview(entries), 0),
        Blob("54c84888-01d1-4c1e-bed6-282c98241303", memoryview(bytes(0x20)), 0),
    )
    found = verdict(0x10D, 5, 0, file="Wdf01000.sys", other="gizmo.sys", blobs=blobs)
    assert says(found.limits, "which is here in a form")
    assert says(found.next_steps, "!wdfkd.wdflogdump")
    assert says(found.next_steps, "Turn on Driver Verifier for the framework's clients: gizmo.")
