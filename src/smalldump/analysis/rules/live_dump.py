"""Live dumps: Windows wrote them and ran on, because a component asked for one.

What is on the stack asked for the dump, and need not have failed. A parameter that names a place, a device, a request
or a thread leads on; so does the owner of a lock that somebody waited for (0x1CC). Source: Microsoft's pages.
"""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.evidence import Evidence
from smalldump.analysis.other_stacks import stack_of_thread
from smalldump.analysis.parameters import read_string
from smalldump.analysis.rules.clues import (
    at_parameter,
    behind_device,
    behind_request,
    first_driver_of,
    named_by_windows,
)
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion
from smalldump.analysis.weights import Kind

__all__ = ["LIVE", "rule"]

_LIVE_TEXT = "A live dump: Windows took it without stopping, because a component asked for it."
LIVE = Conclusion(CulpritKind.LIVE_DUMP, None, Confidence.NONE, _LIVE_TEXT)
"""Where nothing tells who is to blame."""

_RESOURCE, _ASSERTION = 0x1CC, 0x1D1
_OWNS = "is the first driver on the stack of the thread that owns the resource"
_HOLDS = "is the first driver on the stack of the thread that parameter {number} names"
_NO_OWNER = "The owner of the resource (parameter 1), or that thread's stack, is not in the dump."
_NO_THREAD = "The stack of the thread that parameter {number} names is not in the dump."
_NO_OBJECT = "What parameter {number} points to, which would name the driver, is not in the dump."
_NOBODY = "No parameter of this bug check names a driver, and who asked for the dump need not have failed."


def rule(case: Case) -> Opinion:
    """Whoever a parameter leads to; else nobody."""
    evidence = (*named_by_windows(case), *_found(case))
    limits = () if evidence else (_limit(case),)
    return Opinion(evidence, otherwise=_concluded(case), cap=Confidence.MEDIUM, limits=limits)


def _concluded(case: Case) -> Conclusion:
    if case.entry is None:
        return LIVE
    # The knowledge room's summaries say themselves that they are about live dumps.
    what = case.entry.summary.replace(" (live dump, name only)", "").replace(" (live dump)", "")
    return LIVE._replace(summary=f"{_LIVE_TEXT} {what}")


def _found(case: Case) -> Iterator[Evidence]:
    if case.code == _RESOURCE:
        yield from _of_thread(case, _owner(case), _OWNS)
    elif case.code == _ASSERTION:
        name = read_string(case.machine, case.value(2))
        if name and case.machine.modules.named(name) is not None:
            yield Evidence(Kind.NAMED_PARAMETER, name, "parameter 2 names it: one of its assertions failed")
    else:
        yield from _by_hint(case)


def _by_hint(case: Case) -> Iterator[Evidence]:
    hint = case.hint
    if hint is None:
        return
    if hint.kind == "pointer:thread":
        yield from _of_thread(case, case.value(hint.param), _HOLDS.format(number=hint.param))
    elif hint.kind == "pointer:device_object":
        yield from behind_device(case, hint.param)
    elif hint.kind == "pointer:irp":
        yield from behind_request(case, hint.param)
    elif hint.kind == "address-code":
        yield from at_parameter(case, hint.param, hint.how)


def _owner(case: Case) -> int:
    locks = (found for found in case.objects if found.kind == "eresource")
    return next((child.address for lock in locks for child in lock.children), 0)


def _of_thread(case: Case, address: int, how: str) -> Iterator[Evidence]:
    frames = stack_of_thread(case.machine, address, case.stacks, case.lookup) if address else None
    yield from first_driver_of(case, frames or (), Kind.STUCK_THREAD, how)


def _limit(case: Case) -> str:
    if case.code == _RESOURCE:
        return _NO_OWNER
    if case.hint is None:
        return _NOBODY
    form = _NO_THREAD if case.hint.kind == "pointer:thread" else _NO_OBJECT
    return form.format(number=case.hint.param)
