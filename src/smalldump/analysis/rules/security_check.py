"""Checks that code makes of its own stack and lists: 0x139, 0xF7.

A destroyed cookie (sub-codes 0 and 2, and all of 0xF7) is found in the function that overran its buffer; a damaged list
or tree may be found by whoever uses it next. Source: Microsoft's pages on both bug checks.
"""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.analysis.advice import MEMORY, verify_drivers
from smalldump.analysis.culprit import Confidence
from smalldump.analysis.evidence import Evidence, is_skipped
from smalldump.analysis.rules.clues import all_clues
from smalldump.analysis.rules.rule import Case, Opinion
from smalldump.analysis.weights import Kind
from smalldump.knowledge.skipped_frames import is_skipped_function
from smalldump.unwind import Frame, FrameTrust

__all__ = ["rule"]

_OVERRAN_STACK_BUFFER = 0xF7
_COOKIES = (0, 2)
_SHARED = {3: "list", 0x1D: "balanced tree"}
_FOUND_LATE = "Damage to a {what} is found by whoever uses it next: the driver that caused it need not be on the stack."


def rule(case: Case) -> Opinion:
    """The function whose check failed."""
    if case.code == _OVERRAN_STACK_BUFFER or case.value(1) in _COOKIES:
        return Opinion((*_overran(case), *all_clues(case)))
    what = _SHARED.get(case.value(1))
    if what is None:
        return Opinion(tuple(all_clues(case)))
    limits, steps = (_FOUND_LATE.format(what=what),), (verify_drivers(case.machine, special_pool=True), MEMORY)
    return Opinion(tuple(all_clues(case)), cap=Confidence.MEDIUM, limits=limits, steps=steps)


def _overran(case: Case) -> Iterator[Evidence]:
    frame = next((frame for frame in case.frames if not _only_reports(case, frame)), None)
    if frame is None or frame.module is None or frame.trust is FrameTrust.SCAN:
        return
    if not is_skipped(frame.module, case.machine, only_always=True):
        text = f"{frame.words(case.bits)} lies right above the check that failed"
        yield Evidence(Kind.OVERRAN_STACK, frame.module.name, text)


def _only_reports(case: Case, frame: Frame) -> bool:
    module = frame.module
    if module is None or module is case.machine.modules[0]:
        return True
    return frame.name is not None and is_skipped_function("nt", frame.name.symbol.name)
