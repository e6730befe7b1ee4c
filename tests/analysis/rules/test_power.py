from __future__ import annotations

import struct

import pytest

from smalldump.analysis import analyse
from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.weights import Kind
from smalldump.model import Absent, ModuleList, Snapshot
from smalldump.model.execution import ThreadState
from smalldump.sources.builder import driver
from tests.analysis.buckets import DRIVER, IRP, OTHER, PDO, built, power_objects
from tests.analysis.rules.cases import device, driver_of, says, verdict
from tests.analysis.test_bucket import ELSEWHERE, ELSEWHERE_STACK


def test_the_driver_that_has_the_power_request() -> None:
    found = verdict(0x9F, 3, PDO, 0, IRP, file="RtsPer.sys", other="pci.sys", memory=power_objects(DRIVER, OTHER))
    assert (driver_of(found), found.confidence) == ("RtsPer.sys", Confidence.MEDIUM)
    assert found.evidence[0].kind is Kind.OBJECT_OWNER


def test_a_request_that_is_not_in_the_dump_blames_nobody_on_the_stack() -> None:
    found = verdict(0x9F, 3, PDO, 0, IRP, file="RtsPer.sys")
    assert (found.culprit, found.kind) == (None, CulpritKind.UNDECIDED)
    assert says(found.limits, "The power IRP that parameter 4 points to")
    assert says(found.next_steps, "kernel memory dump, because")


def test_the_thread_that_holds_the_lock() -> None:
    machine = built(0x9F, (4, 300, IRP, 0), "Driver.sys", other="OpenZFS.sys")
    assert not isinstance(machine.thread, Absent)
    thread = machine.thread._replace(address=IRP)
    machine.threads = (ThreadState(thread, None, ELSEWHERE, ELSEWHERE_STACK),)
    found = analyse(machine).verdict
    assert (driver_of(found), found.evidence[0].kind) == ("OpenZFS.sys", Kind.STUCK_THREAD)


def test_a_thread_that_is_not_in_the_dump_is_not_replaced_by_the_one_that_noticed() -> None:
    found = verdict(0x9F, 4, 300, IRP, file="Driver.sys")
    assert found.culprit is None
    assert says(found.limits, "The stack of the thread that holds the PnP lock")


@pytest.mark.parametrize(("kind", "number"), [(1, 2), (2, 3), (5, 2), (0x500, 4)])
def test_the_driver_of_a_device(kind: int, number: int) -> None:
    parameters = [kind, 0, 0, 0]
    parameters[number - 1] = PDO
    found = verdict(0x9F, *parameters, other="gizmo.sys", memory=device(PDO, OTHER))
    assert driver_of(found) == "gizmo.sys"
    assert says(verdict(0x9F, *parameters, other="gizmo.sys").limits, f"Parameter {number} points to the device")


def filtered(holder: int) -> Snapshot:
    """A machine whose device, of pci.sys, has wobble.sys above it; the IRP is with a driver at `holder`."""
    memory = dict(power_objects(holder, OTHER))
    above, owner = PDO + 0x400, PDO + 0xC00
    memory[PDO] = memory[PDO][:0x18] + above.to_bytes(8, "little") + bytes(0x130)
    memory[above] = struct.pack("<HHIQ", 3, 0x150, 0, owner) + bytes(0x140)
    memory[owner] = struct.pack("<HHIQQQ", 4, 0x150, 0, 0, 0, DRIVER) + bytes(0x130)
    return built(0x9F, (3, PDO, 0, IRP), "wobble.sys", other="pci.sys", memory=memory)


def test_a_driver_above_the_device_comes_before_a_bus_driver_that_holds_the_request() -> None:
    found = analyse(filtered(OTHER)).verdict
    assert [(piece.kind, piece.module) for piece in found.evidence] == [
        (Kind.OBJECT_OWNER, "pci"),
        (Kind.FILTER, "wobble"),
    ]
    assert (driver_of(found), found.confidence) == ("wobble.sys", Confidence.LOW)
    assert [candidate.module for candidate in found.candidates] == ["wobble", "pci"]


def test_the_holder_is_not_counted_twice() -> None:
    found = analyse(filtered(DRIVER)).verdict
    assert [piece.kind for piece in found.evidence] == [Kind.OBJECT_OWNER]


def test_the_record_of_the_power_framework_has_no_published_form() -> None:
    found = verdict(0x9F, 6, PDO, 1, file="Driver.sys")
    assert found.culprit is None
    assert says(found.limits, "is not published")


def test_a_filter_above_the_device_is_a_candidate_beside_a_holder_of_others() -> None:
    machine = filtered(OTHER)
    machine.modules = ModuleList([*machine.modules[:2], driver("holder.sys", OTHER, 0x8000)])
    found = analyse(machine).verdict
    assert (driver_of(found), found.confidence) == ("holder.sys", Confidence.MEDIUM)
    assert says(found.next_steps, "the same with wobble, which stands above it")
