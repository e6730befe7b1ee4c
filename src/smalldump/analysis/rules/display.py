"""Graphics: 0x116, 0x117, 0x141, 0x142 (no answer from the card), 0x113, 0x119, 0x10E (dxgkrnl), 0xEA (a stuck thread).

A card that does not answer leaves a place in its driver as parameter 2; the driver may be right and the card fail. In
0xEA parameter 1 is the thread that is stuck. Source: Microsoft's pages on these bug checks.
"""

from __future__ import annotations

from smalldump.analysis.advice import COOLING, GRAPHICS
from smalldump.analysis.culprit import Confidence
from smalldump.analysis.other_stacks import stack_of_thread
from smalldump.analysis.rules.clues import (
    all_clues,
    at_parameter,
    calling_the_bug_check,
    first_driver_of,
    named_at,
    named_by_windows,
)
from smalldump.analysis.rules.live_dump import LIVE
from smalldump.analysis.rules.rule import Case, Opinion
from smalldump.analysis.weights import Kind

__all__ = ["rule"]

_TIMEOUTS, _STUCK = (0x116, 0x117, 0x141, 0x142), 0xEA
_HOW = "a place in the driver of the card that did not answer"
_KEEPS = "is the first driver on the stack of the stuck thread"
_NO_PLACE = "Parameter 2, which should point into the display driver, leads to no module of the dump."
_NO_THREAD = "The stack of the stuck thread (parameter 1) is not in the dump."
_STEPS = (GRAPHICS, COOLING)


def rule(case: Case) -> Opinion:
    """The display driver that parameters name; else who is on the stack."""
    if case.code in _TIMEOUTS:
        evidence = (*named_by_windows(case), *at_parameter(case, 2, _HOW))
        live = LIVE if case.entry and case.entry.live_dump else None
        limits = () if evidence else (_NO_PLACE,)
        return Opinion(evidence, otherwise=live, cap=Confidence.MEDIUM, limits=limits, steps=_STEPS)
    if case.code == _STUCK:
        return _stuck(case)
    return Opinion(tuple(all_clues(case)), cap=Confidence.MEDIUM, steps=_STEPS)


def _stuck(case: Case) -> Opinion:
    frames = stack_of_thread(case.machine, case.value(1), case.stacks, case.lookup)
    own = frames is case.frames
    evidence = (
        *named_by_windows(case),
        *named_at(case, 3),
        *first_driver_of(case, frames or (), Kind.STUCK_THREAD, _KEEPS),
        *(calling_the_bug_check(case) if own else ()),
    )
    return Opinion(evidence, limits=() if frames else (_NO_THREAD,), steps=_STEPS)
