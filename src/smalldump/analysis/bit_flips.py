"""Values that a single bit tells from what they should be: what failing memory leaves behind, and software seldom."""

from __future__ import annotations

from smalldump.model import Snapshot

__all__ = ["canonical_neighbour", "differ_by_one_bit"]

_SIGN = 47  # bits 47 to 63 of an address are all alike, with four levels of page tables
_TOP = (1 << 64 - _SIGN) - 1


def differ_by_one_bit(found: int, expected: int) -> bool:
    """Whether two values differ in exactly one bit."""
    return (found ^ expected).bit_count() == 1


def canonical_neighbour(machine: Snapshot, address: int) -> int | None:
    """The kernel address of this machine that an address which is none becomes when one bit is turned over.

    None for canonical addresses, for those that more bits are wrong in, and where nothing known lies at the neighbour:
    a module, or memory that the dump holds.
    """
    if machine.machine.bits != 64:
        return None
    wrong = (address >> _SIGN) ^ _TOP
    if wrong.bit_count() != 1:
        return None
    neighbour = address ^ (wrong << _SIGN)
    known = machine.modules.at(neighbour) is not None or neighbour in machine.memory
    return neighbour if known else None
