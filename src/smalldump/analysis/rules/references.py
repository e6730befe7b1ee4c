"""Objects that somebody released too often, too late or twice: 0xC, 0x18, 0x20, 0x44, 0x76, 0xCA, 0xCB, 0xD8.

The kernel finds the mistake in the call that makes it, or at the end of the process. Source: Microsoft's pages.
"""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.analysis.advice import kernel_dump, verify_drivers
from smalldump.analysis.culprit import Confidence
from smalldump.analysis.evidence import Evidence
from smalldump.analysis.rules.clues import all_clues, behind_device, behind_request
from smalldump.analysis.rules.rule import Case, Opinion

__all__ = ["rule"]

_COMPLETED_TWICE, _LOCKED_PAGES, _TRACKED = 0x44, 0x76, 0xCB
_LATE = (0x18, 0x20, _LOCKED_PAGES)
_FOUND_LATE = "The mistake is found when a process or thread ends, or the object goes: its maker may be gone."
_NO_IRP = "The IRP that was completed twice (parameter 1), or the device behind it, is not in the dump."
_KEY = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
_TRACK = f"Set TrackLockedPages to 1 (DWORD under {_KEY}): the next stop is 0xCB and names the driver."
_DRIVERS = "it holds the devices that the request passed"


def rule(case: Case) -> Opinion:
    """The driver that parameters or Windows name; else the caller."""
    found = tuple(_by_objects(case))
    evidence = (*found, *all_clues(case))
    if case.code == _COMPLETED_TWICE:
        limits = () if found else (_NO_IRP,)
        steps = (verify_drivers(case.machine),) if found else (verify_drivers(case.machine), kernel_dump(_DRIVERS))
        return Opinion(evidence, cap=Confidence.MEDIUM, limits=limits, steps=steps)
    if case.code in _LATE:
        step = _TRACK if case.code == _LOCKED_PAGES and not case.value(4) else verify_drivers(case.machine)
        return Opinion(evidence, cap=Confidence.MEDIUM, limits=(_FOUND_LATE,), steps=(step,))
    return Opinion(evidence, steps=() if evidence else (verify_drivers(case.machine),))


def _by_objects(case: Case) -> Iterator[Evidence]:
    for parameter in case.parameters:
        if parameter.kind == "pointer:irp":
            yield from behind_request(case, parameter.number)
        elif parameter.kind == "pointer:device_object":
            yield from behind_device(case, parameter.number)
