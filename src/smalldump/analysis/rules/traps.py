"""Traps that the kernel does not expect: 0x7F, with stacks that overflowed (a double fault, vector 8), and 0x2B.

Who filled the stack is told by the frames: each takes the bytes up to the next one. Source: Microsoft's page on 0x7F.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from smalldump.analysis.advice import COOLING, MEMORY, verify_drivers
from smalldump.analysis.evidence import Evidence, is_skipped
from smalldump.analysis.rules.clues import all_clues, at_parameter
from smalldump.analysis.rules.rule import Case, Opinion
from smalldump.analysis.weights import Kind
from smalldump.model import Absent

__all__ = ["rule"]

_DOUBLE_FAULT = 8
_PANIC_STACK_SWITCH = 0x2B
_PAGE = 0x1000
_SHARE = 4  # a driver that fills less than this part of the stack is not mentioned
_NO_LIMITS = "Whether the stack overflowed is not told: the thread's stack limits are not in the dump."


def rule(case: Case) -> Opinion:
    """Whoever fills an overflowed stack; else the code that was interrupted."""
    if case.code != _PANIC_STACK_SWITCH and case.value(1) != _DOUBLE_FAULT:
        return Opinion(tuple(all_clues(case)), steps=(COOLING, MEMORY))
    overflowed = _overflowed(case)
    evidence = (*_instruction(case), *all_clues(case), *(_consumer(case) if overflowed is not False else ()))
    limits = (_NO_LIMITS,) if overflowed is None else ()
    return Opinion(evidence, limits=limits, steps=_steps(case, overflowed=overflowed))


def _steps(case: Case, *, overflowed: bool | None) -> tuple[str, ...]:
    if overflowed:
        return ("Look for many filter drivers in one stack (antivirus, encryption, backup): update or remove them.",)
    return (COOLING, MEMORY, verify_drivers(case.machine))


def _instruction(case: Case) -> Iterator[Evidence]:
    # On x64 parameter 4 of double faults is commonly the instruction: seen, not documented.
    if case.bits == 64 and case.code != _PANIC_STACK_SWITCH:
        yield from at_parameter(case, 4, "where the double fault happened")


def _overflowed(case: Case) -> bool | None:
    thread, frames = case.machine.thread, case.frames
    if isinstance(thread, Absent) or isinstance(thread.stack_limit, Absent) or not frames:
        return None
    return frames[0].sp < thread.stack_limit + _PAGE


def _consumer(case: Case) -> Iterator[Evidence]:
    used: dict[str, int] = {}
    for frame, caller in pairwise(case.frames):
        module = frame.module
        if module is not None and not is_skipped(module, case.machine) and caller.sp > frame.sp:
            used[module.name] = used.get(module.name, 0) + caller.sp - frame.sp
    if not used:
        return
    name, most = max(used.items(), key=lambda item: item[1])
    whole = case.frames[-1].sp - case.frames[0].sp
    if most * _SHARE >= whole:
        yield Evidence(Kind.STACK_CONSUMER, name, f"its frames take {most:,} of {whole:,} bytes of the stack")
