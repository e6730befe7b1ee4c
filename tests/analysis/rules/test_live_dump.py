from __future__ import annotations

import struct

import pytest

from smalldump.analysis import analyse
from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.verdict import Verdict
from smalldump.analysis.weights import Kind
from smalldump.model import Absent
from smalldump.model.execution import ThreadState
from tests.analysis.buckets import DRIVER, IRP, OTHER, PDO, built
from tests.analysis.rules.cases import device, driver_of, says, verdict
from tests.analysis.test_bucket import ELSEWHERE, ELSEWHERE_STACK

LOCK, TEXT = 0xFFFFC00000008000, 0xFFFFC00000009000


def of_thread(code: int, *parameters: int) -> Verdict:
    """The verdict where the thread at IRP executes gizmo.sys; the resource at LOCK is its own."""
    first, second, third, fourth = (*parameters, 0, 0, 0, 0)[:4]
    lock = struct.pack("<24xHH20xQ", 1, 0x80, IRP | 3).ljust(0x68, b"\0")
    machine = built(code, (first, second, third, fourth), "noticed.sys", other="gizmo.sys", memory={LOCK: lock})
    assert not isinstance(machine.thread, Absent)
    thread = machine.thread._replace(address=IRP)
    machine.threads = (ThreadState(thread, None, ELSEWHERE, ELSEWHERE_STACK),)
    return analyse(machine).verdict


def test_who_asked_for_the_dump_is_not_blamed() -> None:
    found = verdict(0x193, 0x80E, file="dxgkrnl.sys", other="gizmo.sys")
    assert (found.kind, found.culprit, found.confidence) == (CulpritKind.LIVE_DUMP, None, Confidence.NONE)
    assert found.summary.endswith("because a component asked for it. Graphics kernel captured a live dump.")
    assert says(found.limits, "No parameter of this bug check names a driver")
    assert says(found.next_steps, "Windows went on running")


def test_the_thread_that_owns_the_resource() -> None:
    found = of_thread(0x1CC, LOCK)
    assert (driver_of(found), found.confidence) == ("gizmo.sys", Confidence.MEDIUM)
    assert found.evidence[0].kind is Kind.STUCK_THREAD
    assert "the thread that owns the resource" in found.summary


def test_an_owner_that_is_not_told() -> None:
    found = verdict(0x1CC, LOCK, 0, file="noticed.sys")
    assert found.kind is CulpritKind.LIVE_DUMP
    assert says(found.limits, "The owner of the resource (parameter 1)")


@pytest.mark.parametrize(("code", "number"), [(0x17C, 1), (0x1A1, 1), (0x1A3, 2)])
def test_the_thread_that_a_parameter_names(code: int, number: int) -> None:
    found = of_thread(code, *([0] * (number - 1)), IRP)
    assert driver_of(found) == "gizmo.sys"
    assert says(verdict(code, IRP, IRP, file="noticed.sys").limits, f"the thread that parameter {number} names")


def test_the_device_that_a_parameter_names() -> None:
    assert driver_of(verdict(0x1A6, PDO, other="gizmo.sys", memory=device(PDO, OTHER))) == "gizmo.sys"
    assert says(verdict(0x1A6, PDO).limits, "What parameter 1 points to")


def test_the_module_whose_assertion_failed() -> None:
    found = verdict(0x1D1, 0x1234, TEXT, other="gizmo.sys", memory={TEXT: b"gizmo.sys\0"})
    assert (driver_of(found), found.evidence[0].kind) == ("gizmo.sys", Kind.NAMED_PARAMETER)


def test_the_live_dumps_of_other_families() -> None:
    assert driver_of(verdict(0x142, 0, DRIVER + 0x40, file="nvlddmkm.sys")) == "nvlddmkm.sys"
    assert verdict(0x142).kind is CulpritKind.LIVE_DUMP
    assert driver_of(verdict(0x1C4, 0x91001, file="gizmo.sys")) == "gizmo.sys"
    assert verdict(0x1C4, 0x91001).kind is CulpritKind.LIVE_DUMP
