from __future__ import annotations

import struct

from smalldump.analysis import analyse
from smalldump.analysis.culprit import Confidence
from smalldump.analysis.weights import Kind
from tests.analysis.rules.cases import driver_of, says, verdict
from tests.analysis.test_bucket import hung


def test_the_routine_that_ran_when_the_watchdog_fired() -> None:
    found = verdict(0x133, 0, 0x501, 0x500, file="gwdrv.sys")
    assert (driver_of(found), found.confidence) == ("gwdrv.sys", Confidence.MEDIUM)
    assert found.evidence[0].kind is Kind.RUNNING_ROUTINE


def test_time_that_many_routines_used_up_gives_low_confidence() -> None:
    found = verdict(0x133, 1, 0x1E00, file="gwdrv.sys")
    assert (driver_of(found), found.confidence) == ("gwdrv.sys", Confidence.LOW)
    assert says(found.limits, "used up by many routines")


def test_the_processor_that_hangs() -> None:
    found = analyse(hung(1)).verdict
    assert (driver_of(found), found.evidence[0].kind) == ("nvlddmkm.sys", Kind.HUNG_PROCESSOR)


def test_the_processor_that_noticed_is_not_blamed() -> None:
    found = analyse(hung(2)).verdict
    assert found.culprit is None
    assert says(found.limits, "What processor 1, which hangs, was executing is not in the dump.")
    assert says(found.next_steps, "what every processor was executing")


def test_where_the_profile_of_the_routines_lies() -> None:
    at = 0xFFFFF80010055000
    block = struct.pack("<IHHHxxI", 0xAEBECEDE, 1, 0x10, 0x3AC0, 0x180).ljust(0x40, b"\0")
    found = verdict(0x133, 1, 0x1E00, at, file="gwdrv.sys", memory={at: block})
    assert says(found.limits, "The profile of the routines lies at 0x3ac0 of the processor's block")
    assert says(verdict(0x133, 1, 0x1E00, at).limits, "TRIAGE_BLOCK at")
