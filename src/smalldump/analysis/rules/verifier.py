"""What Driver Verifier stops for: 0xC4, 0xC9, 0xE6, and 0x1C4, its live dump.

Verifier stops within the call that breaks a rule, so the first driver on the stack made that call; sub-codes whose
parameters hold a place, a name, a device or an IRP tell more. Source: Microsoft's pages on these bug checks.
"""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.analysis.evidence import Evidence
from smalldump.analysis.rules.clues import (
    at_parameter,
    behind_device,
    behind_request,
    by_hint,
    calling_the_bug_check,
    first_driver_of,
    named_at,
    named_by_windows,
)
from smalldump.analysis.rules.live_dump import LIVE
from smalldump.analysis.rules.rule import Case, Opinion
from smalldump.analysis.weights import Kind

__all__ = ["rule"]

_CAUGHT = "made the call that Driver Verifier stopped"
_ABSENT = "Parameter {number} points to the {what} that would name the driver; its memory is not in the dump."
_POINTERS = {"pointer:unicode_string": "name", "pointer:device_object": "device object", "pointer:irp": "IRP"}


def rule(case: Case) -> Opinion:
    """The driver that Verifier caught."""
    evidence = (
        *named_by_windows(case),
        *by_hint(case),
        *_by_parameters(case),
        *calling_the_bug_check(case),
        *first_driver_of(case, case.frames, Kind.VERIFIED_CALL, _CAUGHT),
    )
    live = LIVE if case.entry and case.entry.live_dump else None
    return Opinion(evidence, otherwise=live, limits=() if evidence else tuple(_limits(case)))


def _by_parameters(case: Case) -> Iterator[Evidence]:
    hinted = case.hint.param if case.hint else 0
    for parameter in case.parameters[1:]:
        number = parameter.number
        if parameter.kind == "address-code" and number != hinted:
            yield from at_parameter(case, number, parameter.meaning)
        elif parameter.kind == "pointer:unicode_string" and number != hinted:
            yield from named_at(case, number)
        elif parameter.kind == "pointer:device_object":
            yield from behind_device(case, number)
        elif parameter.kind == "pointer:irp":
            yield from behind_request(case, number)


def _limits(case: Case) -> Iterator[str]:
    for parameter in case.parameters[1:]:
        what = _POINTERS.get(parameter.kind)
        if what and parameter.value and parameter.value not in case.machine.memory:
            yield _ABSENT.format(number=parameter.number, what=what)
