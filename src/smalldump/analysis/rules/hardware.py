"""Errors that the hardware itself reports: no driver is to blame, whatever lies on the stack.

GenuineIntel.sys and AuthenticAMD.sys, which Microsoft's tools name here, are placeholders, no files. Others that
hardware often causes, such as 0x7F and 0x101, may as well be a driver's doing: there the evidence decides. Which unit
failed the error record tells, or the machine-check status in the parameters (`hardware_units`).
Source: Microsoft's pages on these bug checks.
"""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.analysis.advice import COOLING, DISK, FIRMWARE, MEMORY, kernel_dump
from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.rules.hardware_units import ANY_CARD, failed_unit
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion

__all__ = ["rule"]

_WHEA, _BUS, _PAGE, _MACHINE_CHECK, _INTERRUPTS = 0x124, 0x2E, 0x12B, 0x9C, (0x80, 0x111)
_RECORD_KIND = "whea_error_record"
_PCI_EXPRESS, _DRIVER_REPORTED = 4, 0x10
_BY_HARDWARE = "The hardware reported an error by itself; no driver is to blame by this dump."
_OF_SOURCE = "The hardware reported an error by itself ({source}); no driver is to blame by this dump."
_OF_UNIT = "The hardware reported an error of {unit}."
_CORRUPTED = "A page of memory{where} did not hold what was written to it: a sign of failing memory."
_NO_RECORD = "Parameter 2 points to the hardware error record, which tells the unit that failed; it is not in the dump."
_REST_OF_RECORD = (
    "The hardware error record that parameter 2 points to, which tells more of the unit, is not in the dump."
)
_NO_STATUS = "The parameters hold no valid machine-check status: which unit failed is not told."
_CRASH_BUTTON = "Look into the event log of the firmware: a button or a watchdog can send the interrupt on purpose."
_RECORD = "it holds the hardware error record"


def rule(case: Case) -> Opinion:
    """The hardware, and which unit of it as far as the dump tells."""
    if case.code in (_WHEA, _MACHINE_CHECK):
        return _reported(case)
    if case.code == _PAGE:
        return Opinion(conclusion=_hardware(_CORRUPTED.format(where=_frame(case))), steps=(MEMORY, COOLING))
    if case.code in _INTERRUPTS:
        return Opinion(conclusion=_hardware(_BY_HARDWARE), steps=(_CRASH_BUTTON, COOLING, MEMORY, FIRMWARE))
    steps = (MEMORY, COOLING) if case.code == _BUS else (COOLING, MEMORY)
    return Opinion(conclusion=_hardware(_BY_HARDWARE), steps=steps)


def _hardware(summary: str, confidence: Confidence = Confidence.MEDIUM) -> Conclusion:
    return Conclusion(CulpritKind.HARDWARE, None, confidence, summary)


def _frame(case: Case) -> str:
    # Parameters 3 and 4 tell a page of memory, where they are zero, from one of the store of compressed memory.
    plain = not case.value(3) and not case.value(4) and case.value(2)
    return f" (page frame {case.value(2):#x})" if plain else ""


def _reported(case: Case) -> Opinion:
    limits = tuple(_limits(case))
    unit = failed_unit(case)
    if unit is not None:
        found = _hardware(_OF_UNIT.format(unit=unit.words), unit.confidence)
        return Opinion(conclusion=found, limits=limits, steps=unit.steps)
    source = case.entry.match(case.values) if case.entry else None
    summary = _OF_SOURCE.format(source=source.meaning) if source else _BY_HARDWARE
    steps = _steps(case.value(1)) if case.code == _WHEA else (COOLING, MEMORY, FIRMWARE)
    more = (kernel_dump(_RECORD),) if _NO_RECORD in limits else ()
    return Opinion(conclusion=_hardware(summary), limits=limits, steps=(*steps, *more))


def _limits(case: Case) -> Iterator[str]:
    told = failed_unit(case) is not None
    if case.code == _MACHINE_CHECK:
        yield from () if told else (_NO_STATUS,)
    elif case.value(2) and case.value(2) not in case.machine.memory:
        yield _REST_OF_RECORD if told else _NO_RECORD
    else:
        yield from (found.missing for found in case.objects if found.kind == _RECORD_KIND and found.missing)


def _steps(source: int) -> tuple[str, ...]:
    if source == _PCI_EXPRESS:
        return (ANY_CARD, COOLING, FIRMWARE)
    if source == _DRIVER_REPORTED:
        return (DISK, FIRMWARE, COOLING)
    return (COOLING, MEMORY, FIRMWARE)
