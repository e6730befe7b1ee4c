"""What pointers lead to: those in registers, and those in the thread and the process of the crash."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from smalldump.model import Absent, Snapshot
from smalldump.model.requests import RangeRequest, Rank

__all__ = ["pages_of_registers", "pointed_to_by_structures"]

_PAGE = 0x1000
_AROUND = 0x100  # what dbgeng takes from each pointer on


def pages_of_registers(machine: Snapshot) -> Iterator[RangeRequest]:
    """The page that each register points to."""
    for registers in machine.contexts:
        if isinstance(registers, Absent):
            continue
        for name, value in registers.values.items():
            if machine.machine.kernel_start <= value <= machine.machine.mask - _PAGE:
                yield RangeRequest(value & -_PAGE, _PAGE, f"page of {name}", rank=Rank.REGISTER_PAGE)


def pointed_to_by_structures(machine: Snapshot) -> Iterator[RangeRequest]:
    """The beginning of what the pointers in ETHREAD and EPROCESS lead to, outside of these structures themselves."""
    found = [structure for kind in ("ETHREAD", "EPROCESS") if (structure := machine.structures.get(kind))]
    size, lowest = machine.machine.pointer, machine.machine.kernel_start
    for structure in found:
        words = len(structure.data) // size
        values = struct.unpack_from(f"<{words}{'Q' if size == 8 else 'I'}", structure.data)
        for value in dict.fromkeys(values):
            if lowest <= value <= machine.machine.mask - _PAGE:
                yield RangeRequest(value, _AROUND, f"pointed to by {structure.kind}", rank=Rank.OTHER)
