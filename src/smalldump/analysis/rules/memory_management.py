"""Damage that the memory manager finds in its own tables (0x1A, 0x4E), and that the kernel finds in itself (0x109).

Values that should be equal and differ by one bit speak for failing memory. Sub-codes about memory descriptor lists are
the mistake of the driver that calls; the others are found late. PatchGuard, which raises 0x109, hides its stack.
Source: Microsoft's pages on these bug checks.
"""

from __future__ import annotations

from smalldump.analysis.advice import MEMORY, SYSTEM_FILES, verify_drivers
from smalldump.analysis.bit_flips import differ_by_one_bit
from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.rules.clues import all_clues, first_driver_of
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion
from smalldump.analysis.weights import Kind

__all__ = ["rule"]

_PAGE_LIST, _PATCHED = 0x4E, 0x109
_DAMAGED_PTE = 0x41792
_PAIRS = {0x3F: (3, 4), 0x403: (3, 4), 0x5200: (3, 4)}  # of 0x1A: parameters that should be equal
_DRIVERS = (0x777, 0x1233, 0x1234, 0x1235, 0x1236, 0x1240, 0x1241, 0x4477, 0x5305, 0x41286, 0x61946, 0x6194A)
_LOCKED_TOO_SELDOM = (7, 0x9A)  # of 0x4E: unlocked too often; freed while locked for I/O
_CALLED = "called the memory manager with what it refused"
_PTE_BIT = "A page table entry that should be zero has a single bit set: a typical sign of failing memory."
_ONE_BIT = (
    "Parameters {first} and {second}, which should be equal, differ in one bit: a typical sign of failing memory."
)
_FOUND_LATE = "Damage to the memory manager's tables is found late: what caused it need not be on the stack."
_NO_STACK = "The check that found the damage hides its own stack, and runs minutes after the damage was done."
_CHANGES = "The kernel found that something had changed it{what}; this dump cannot tell who."
_PATCHERS = (
    "Update or remove software that changes the kernel: anti-cheat, old antivirus, tuning tools; scan for malware."
)


def rule(case: Case) -> Opinion:
    """Failing memory, where one bit tells; a driver, where the sub-code is about its own call; else what is found."""
    if case.code == _PATCHED:
        return _patched(case)
    flipped = None if case.code == _PAGE_LIST else _flipped(case)
    if flipped is not None:
        return Opinion(conclusion=Conclusion(CulpritKind.HARDWARE, None, Confidence.MEDIUM, flipped))
    own = case.value(1) in (_LOCKED_TOO_SELDOM if case.code == _PAGE_LIST else _DRIVERS)
    if own:
        called = first_driver_of(case, case.frames, Kind.CALLER_OF_KERNEL, _CALLED)
        return Opinion((*all_clues(case), *called), cap=Confidence.MEDIUM, steps=(verify_drivers(case.machine),))
    steps = (MEMORY, verify_drivers(case.machine, special_pool=True))
    return Opinion(tuple(all_clues(case)), cap=Confidence.LOW, limits=(_FOUND_LATE,), steps=steps)


def _flipped(case: Case) -> str | None:
    kind = case.value(1)
    # Parameters 3 and 4 are the two halves of the entry where pointers have 32 bits.
    if kind == _DAMAGED_PTE and differ_by_one_bit(case.value(3), 0):
        return _PTE_BIT
    if kind not in _PAIRS:
        return None
    first, second = _PAIRS[kind]
    flipped = differ_by_one_bit(case.value(first), case.value(second))
    return _ONE_BIT.format(first=first, second=second) if flipped else None


def _patched(case: Case) -> Opinion:
    region = case.entry.match(case.values) if case.entry else None
    summary = _CHANGES.format(what=f" ({region.meaning})" if region else "")
    found = Conclusion(CulpritKind.UNDECIDED, None, Confidence.NONE, summary)
    return Opinion(conclusion=found, limits=(_NO_STACK,), steps=(_PATCHERS, MEMORY, SYSTEM_FILES))
