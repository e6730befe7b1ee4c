"""Errors that the hardware itself reports: no driver is to blame, whatever lies on the stack.

GenuineIntel.sys and AuthenticAMD.sys, which Microsoft's tools name here, are placeholders, no files. Others that
hardware often causes, such as 0x7F and 0x101, may as well be a driver's doing: there the evidence decides.
Source: Microsoft's pages on these bug checks.
"""

from __future__ import annotations

from smalldump.analysis.advice import COOLING, DISK, FIRMWARE, MEMORY, kernel_dump
from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion

__all__ = ["rule"]

_WHEA, _BUS, _PAGE = 0x124, 0x2E, 0x12B
_PCI_EXPRESS, _DRIVER_REPORTED = 4, 0x10
_BY_HARDWARE = "The hardware reported an error by itself; no driver is to blame by this dump."
_OF_SOURCE = "The hardware reported an error by itself ({source}); no driver is to blame by this dump."
_CORRUPTED = "A page of memory did not hold what was written to it: a sign of failing memory."
_NO_RECORD = "Parameter 2 points to the hardware error record, which tells the unit that failed; it is not in the dump."
_SEAT = "Reseat the expansion cards and their cables; update the drivers and firmware of the devices on PCI Express."
_RECORD = "it holds the hardware error record"


def rule(case: Case) -> Opinion:
    """The hardware."""
    if case.code == _WHEA:
        return _reported(case)
    if case.code == _PAGE:
        return Opinion(conclusion=_hardware(_CORRUPTED), steps=(MEMORY, COOLING))
    steps = (MEMORY, COOLING) if case.code == _BUS else (COOLING, MEMORY)
    return Opinion(conclusion=_hardware(_BY_HARDWARE), steps=steps)


def _hardware(summary: str) -> Conclusion:
    return Conclusion(CulpritKind.HARDWARE, None, Confidence.MEDIUM, summary)


def _reported(case: Case) -> Opinion:
    source = case.entry.match(case.values) if case.entry else None
    summary = _OF_SOURCE.format(source=source.meaning) if source else _BY_HARDWARE
    absent = bool(case.value(2)) and case.value(2) not in case.machine.memory
    limits = (_NO_RECORD,) if absent else ()
    steps = _steps(case.value(1))
    return Opinion(
        conclusion=_hardware(summary), limits=limits, steps=(*steps, kernel_dump(_RECORD)) if absent else steps
    )


def _steps(source: int) -> tuple[str, ...]:
    if source == _PCI_EXPRESS:
        return (_SEAT, COOLING, FIRMWARE)
    if source == _DRIVER_REPORTED:
        return (DISK, FIRMWARE, COOLING)
    return (COOLING, MEMORY, FIRMWARE)
