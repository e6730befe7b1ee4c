"""A thread that is not the one that crashed, with the stack on which it waits or runs."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.layout.structures import StructureOffsets
from smalldump.model import Absent, Snapshot
from smalldump.model.absent import present
from smalldump.model.requests import RangeRequest, Rank

__all__ = ["offsets_of", "stack_bytes", "thread_ranges"]

_THREAD_BYTES = 0x800  # where the debugger data block does not tell the size


def thread_ranges(machine: Snapshot, address: int, rank: Rank) -> Iterator[RangeRequest]:
    """Its ETHREAD, and its stack from where it was left up to the base."""
    words, offsets = machine.debugger_data, offsets_of(machine)
    size = 0 if isinstance(words, Absent) else words.get("size_ethread", 0)
    yield RangeRequest(address, size or _THREAD_BYTES, "ETHREAD", rank=rank)
    kernel, base = (offsets.offset("ETHREAD", field) for field in ("kernel", "base"))
    if kernel is None or base is None:
        return
    start, end = (machine.memory.word(address + offset, machine.machine.pointer) or 0 for offset in (kernel, base))
    if machine.machine.kernel_start <= start < end:
        yield RangeRequest(start, min(end - start, stack_bytes(machine)), "stack of a thread", rank=rank)


def offsets_of(machine: Snapshot) -> StructureOffsets:
    """Where the fields of structures lie on this machine."""
    words = machine.debugger_data
    known = {} if isinstance(words, Absent) else words
    return StructureOffsets(machine.machine.image_type, present(machine.system.build) or 0, known)


def stack_bytes(machine: Snapshot) -> int:
    """Most bytes of a stack that are taken, as many as Microsoft's converter takes."""
    return 0x8000 if machine.machine.bits == 64 else 0x4000
