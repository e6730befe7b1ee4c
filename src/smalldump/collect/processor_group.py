"""The KiProcessorBlock group: what must be in a dump together, or not at all.

A debugger that finds the array KiProcessorBlock takes the registers from where it leads: the PRCB of each processor,
and (Windows 7 and later) the CONTEXT that the crashing one's PRCB points to. Where a link of that chain is missing it
shows no registers and no stack. Source: format reference §9.5, tried with Microsoft's engine.
"""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.layout.context import ContextArm64, ContextX64, ContextX86
from smalldump.model import Absent, Snapshot
from smalldump.model.machine import ARM64, X64, X86
from smalldump.model.requests import RangeRequest, Rank

__all__ = ["processor_group"]

_CONTEXT_BYTES = {X64: ContextX64.SIZE, X86: ContextX86.SIZE, ARM64: ContextArm64.SIZE}


def processor_group(machine: Snapshot) -> Iterator[RangeRequest]:
    """The ranges of the group, where all of them can be read; else nothing."""
    ranges = list(_ranges(machine))
    if ranges and all(machine.memory.try_read(r.address, r.size) is not None for r in ranges):
        yield from ranges


def _ranges(machine: Snapshot) -> Iterator[RangeRequest]:
    words, count, prcb = machine.debugger_data, machine.system.processors, machine.structures.get("KPRCB")
    if isinstance(words, Absent) or isinstance(count, Absent) or prcb is None or isinstance(prcb.address, Absent):
        return
    array, pointer = words.get("ki_processor_block", 0), machine.machine.pointer
    context = machine.contexts.prcb
    if not array or not _entries_set(machine, array, count) or isinstance(context, Absent):
        return
    yield _part(array, pointer * count, "KiProcessorBlock")
    yield _part(prcb.address, len(prcb.data), "KPRCB")
    frozen = words.get("offset_prcb_context", 0)
    if frozen >= len(prcb.data):  # a shortened KPRCB ends before the pointer
        yield _part(prcb.address + frozen, pointer, "PRCB.Context pointer")
    if context.address is not None:
        yield _part(context.address, _CONTEXT_BYTES[machine.machine], "PRCB.Context")


def _entries_set(machine: Snapshot, array: int, count: int) -> bool:
    pointer = machine.machine.pointer
    return 0 < count <= 2048 and all(machine.memory.word(array + n * pointer, pointer) for n in range(count))


def _part(address: int, size: int, why: str) -> RangeRequest:
    return RangeRequest(address, size, why, rank=Rank.PROCESSOR_GROUP)
