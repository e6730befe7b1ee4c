"""Processors that something kept too long: 0x133, 0x101.

0x133, kind 0: one DPC or interrupt routine, which the clock interrupted and which is on this stack. Kind 1: many added
up; the one that was running need not be the one that took the time. 0x101: the processor that parameter 4 names hangs,
and the stack of the one that noticed says nothing. Source: Microsoft's pages on both bug checks.
"""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.analysis.advice import COOLING, FIRMWARE, kernel_dump
from smalldump.analysis.culprit import Confidence
from smalldump.analysis.other_stacks import stack_of_processor
from smalldump.analysis.rules.clues import all_clues, first_driver_of, named_by_windows
from smalldump.analysis.rules.rule import Case, Opinion
from smalldump.analysis.weights import Kind

__all__ = ["rule"]

_HUNG, _BLOCK = 0x101, "dpc_watchdog_global_triage_block"
_RAN = "is the first driver under the clock interrupt that ran out of patience"
_HANGS = "is the first driver that the hung processor was executing"
_ADDED_UP = "The time was used up by many routines together: the one that was running last need not be the culprit."
_PROFILE = "The profile of the routines lies {where}; its form, which would name them, is not published."
_NO_PROFILE = "Where the profile of the routines lies is not told."
_NO_PROCESSOR = "What processor {number}, which hangs, was executing is not in the dump."
_WATCH_DPCS = "Record which DPCs and interrupts take long (Windows Performance Recorder, CPU usage) while it is slow."
_STORAGE = "Update the drivers and the firmware of disks and their controllers, which often keep DPCs long."
_ALL_PROCESSORS = "it holds what every processor was executing"


def rule(case: Case) -> Opinion:
    """Whoever kept the processor."""
    if case.code == _HUNG:
        return _hung(case)
    if case.value(1) == 0:
        ran = first_driver_of(case, case.frames, Kind.RUNNING_ROUTINE, _RAN)
        return Opinion((*named_by_windows(case), *ran), steps=(_STORAGE, _WATCH_DPCS))
    evidence = tuple(all_clues(case))
    limits = (_ADDED_UP, *_profile(case))
    return Opinion(evidence, cap=Confidence.LOW, limits=limits, steps=(_STORAGE, _WATCH_DPCS))


def _profile(case: Case) -> Iterator[str]:
    for block in case.objects:
        if block.kind == _BLOCK:
            where = next((fact.value for fact in block.facts if fact.name == "profile"), None)
            yield _PROFILE.format(where=where) if where else block.missing or _NO_PROFILE


def _hung(case: Case) -> Opinion:
    number = case.value(4)
    frames = stack_of_processor(case.machine, number, case.lookup)
    found = first_driver_of(case, frames or (), Kind.HUNG_PROCESSOR, _HANGS)
    limits = () if frames else (_NO_PROCESSOR.format(number=number),)
    steps = (COOLING, FIRMWARE) if frames else (COOLING, FIRMWARE, kernel_dump(_ALL_PROCESSORS))
    return Opinion((*named_by_windows(case), *found), limits=limits, steps=steps)
