from __future__ import annotations

from smalldump.analysis.context import context_of
from smalldump.model import UnloadedModule
from tests.analysis.buckets import GONE, built
from tests.analysis.rules.cases import says


def test_drivers_that_are_merely_loaded_are_mentioned_but_never_blamed() -> None:
    machine = built(0xD1, (0, 0, 0, 0), "vgk.sys")
    assert says(context_of(machine, None), "Loaded, without evidence against them: vgk.sys")
    assert context_of(machine, "vgk.sys") == ()


def test_drivers_that_were_unloaded_before() -> None:
    gone = tuple(UnloadedModule(f"dump{number}.sys", GONE, GONE + 0x1000, False) for number in range(8))
    found = context_of(built(0xD1, (0, 0, 0, 0), unloaded_modules=gone), None)
    assert says(found, "dump0.sys, dump1.sys")
    assert says(found, "and 2 more")


def test_driver_verifier_at_work() -> None:
    machine = built(0xD1, (0, 0, 0, 0))
    machine.memory_manager = {"mm_verify_driver_level": 0x9BB}
    assert says(context_of(machine, None), "Driver Verifier is on (level 0x9bb)")
    machine.memory_manager = {"mm_verify_driver_level": 0xFFFFFFFF}
    assert context_of(machine, None) == ()
