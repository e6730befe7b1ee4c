"""What pointers lead to: those in registers, and those in the thread and the process of the crash."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice

from smalldump.layout.record import Buffer
from smalldump.model import Absent, Snapshot
from smalldump.model.requests import RangeRequest, Rank

__all__ = ["pages_of_registers", "pointed_to_by_structures"]

_PAGE = 0x1000
_AROUND = 0x100  # what dbgeng takes from each pointer on
_MOST_FURTHER = 512


def pages_of_registers(machine: Snapshot) -> Iterator[RangeRequest]:
    """The page that each register points to."""
    for registers in machine.contexts:
        if isinstance(registers, Absent):
            continue
        for name, value in registers.values.items():
            if machine.machine.kernel_start <= value <= machine.machine.mask - _PAGE:
                yield RangeRequest(value & -_PAGE, _PAGE, f"page of {name}", rank=Rank.REGISTER_PAGE)


def pointed_to_by_structures(machine: Snapshot) -> Iterator[RangeRequest]:
    """The beginning of what the pointers in ETHREAD and EPROCESS lead to, and of what pointers there lead to.

    So does dbgeng; in a live kernel the second step could lead to a megabyte, of which only some is taken.
    """
    further = dict[int, str]()
    for kind in ("ETHREAD", "EPROCESS"):
        structure = machine.structures.get(kind)
        for pointer in () if structure is None else _pointers(machine, structure.data):
            yield RangeRequest(pointer, _AROUND, f"pointed to by {kind}", rank=Rank.OTHER)
            for next_pointer in _pointers(machine, machine.memory.read_some(pointer, _AROUND)):
                further.setdefault(next_pointer, f"pointed to by what {kind} points to")
    for pointer, why in islice(further.items(), _MOST_FURTHER):
        yield RangeRequest(pointer, _AROUND, why, rank=Rank.OTHER)


def _pointers(machine: Snapshot, data: Buffer) -> Iterator[int]:
    size = machine.machine.pointer
    words = struct.unpack_from(f"<{len(data) // size}{'Q' if size == 8 else 'I'}", data)
    lowest, highest = machine.machine.kernel_start, machine.machine.mask - _PAGE
    return (value for value in dict.fromkeys(words) if lowest <= value <= highest)
