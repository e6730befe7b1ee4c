"""Memory that must not be touched so: 0xA, 0xD1, 0x50, 0xBE, 0xFC, 0xD5, 0xD6, 0xCE.

The instruction is a parameter's, else the trap frame's. In the kernel it is a victim: its first caller that is a driver
handed it the address. Source: Microsoft's pages on these bug checks.
"""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.addresses import format_address
from smalldump.analysis.advice import MEMORY, verify_drivers
from smalldump.analysis.bit_flips import canonical_neighbour
from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.evidence import Evidence
from smalldump.analysis.places import place_of
from smalldump.analysis.rules.clues import all_clues, at_parameter
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion

__all__ = ["rule"]

_INSTRUCTION = {0x0A: 4, 0xD1: 4, 0x50: 3, 0xD5: 3, 0xD6: 3, 0xCE: 3}
_SPECIAL_POOL = (0xD5, 0xD6)
_NO_INSTRUCTION = (
    "Which instruction touched the memory is not told: no parameter holds it, and no trap frame is in the dump."
)


def rule(case: Case) -> Opinion:
    """Whoever executed the instruction, or called the kernel code that did; an unloaded driver before both."""
    evidence = (*_in_unloaded_driver(case), *all_clues(case))
    limits = () if _tells_instruction(case) else (_NO_INSTRUCTION,)
    neighbour = canonical_neighbour(case.machine, case.value(1))
    if neighbour is not None:
        found = _flipped(case, neighbour)
        return Opinion(evidence, otherwise=found, cap=Confidence.MEDIUM, limits=limits, steps=(MEMORY,))
    # Special pool caught the driver in the act; nothing is gained by verifying more.
    steps = () if evidence or case.code in _SPECIAL_POOL else (MEMORY, verify_drivers(case.machine))
    return Opinion(evidence, limits=limits, steps=steps)


def _in_unloaded_driver(case: Case) -> Iterator[Evidence]:
    if case.place(1).unloaded is not None:
        yield from at_parameter(case, 1, "")


def _tells_instruction(case: Case) -> bool:
    number = _INSTRUCTION.get(case.code or 0)
    return bool(number and case.value(number)) or bool(case.stacks.dispatch.frames)


def _flipped(case: Case, neighbour: int) -> Conclusion:
    place = place_of(case.machine, neighbour, case.lookup).words
    where = f" ({place})" if place else ""
    address = format_address(neighbour, case.bits)
    text = f"The address that was touched is one bit away from {address}{where}: a sign of failing memory."
    return Conclusion(CulpritKind.HARDWARE, None, Confidence.LOW, text)
