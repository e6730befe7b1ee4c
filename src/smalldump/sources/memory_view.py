"""The one memory of a small dump: stack, structures, extra page and data blocks, at their true addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from smalldump.layout.triage import DATA_BLOCK_LIMIT, TriageDataBlock
from smalldump.memory import Overlay, Segment
from smalldump.model.absent import Absent
from smalldump.model.machine import Machine
from smalldump.model.records import DataBlock, StackWindow, Structure
from smalldump.sources.triage_file import TriageFile

__all__ = ["data_blocks", "memory_view", "pointer_in_blocks", "prcb_address"]

_BLOCK = TriageDataBlock.unpacker("address", "offset", "size")
_MIN_VOTES = 16
"""Empty list heads that must agree on a PRCB's address; in 21 real dumps the right one has 112 to 577, others 1."""


def data_blocks(file: TriageFile, machine: Machine) -> list[DataBlock]:
    """The data blocks in file order, as far as their bytes are in the file; empty ones are left out."""
    section = file.section("data block table")
    if isinstance(section, Absent):
        return []
    table = section[: min(len(section) // _BLOCK.size, DATA_BLOCK_LIMIT) * _BLOCK.size]
    end, mask = len(file.data), machine.mask
    return [
        DataBlock(address & mask, min(size, end - offset), offset)
        for address, offset, size in _BLOCK.iter_unpack(table)
        if size and offset < end
    ]


def memory_view(
    file: TriageFile,
    machine: Machine,
    stack: StackWindow | Absent,
    structures: Mapping[str, Structure],
    blocks: Sequence[DataBlock],
) -> Overlay:
    """Everything readable. Structures come before the stack, the stack before blocks, earlier blocks before later.

    The debugger data block of a 32-bit dump comes last: dbgeng rewrites it, so a block over it is the true memory.
    Source: format reference §3.9, overlaps compared in 21 real dumps.
    """
    segments = [_structure_segment(file, s) for s in structures.values() if not isinstance(s.address, Absent)]
    rewritten = [s for s in segments if s.origin == "KDDEBUGGER_DATA64"] if machine.bits == 32 else []
    return Overlay(
        [s for s in segments if s not in rewritten]
        + list(_stack_segments(file, stack))
        + list(_page_segments(file, machine))
        + [Segment(b.address, file.view(b.offset, b.size), "data block", b.offset) for b in blocks]
        + rewritten
    )


def _structure_segment(file: TriageFile, structure: Structure) -> Segment:
    address = 0 if isinstance(structure.address, Absent) else structure.address
    name = {"KDDEBUGGER_DATA64": "debugger data block"}.get(structure.kind, structure.kind)
    return Segment(address, structure.data, structure.kind, file.sections[name].offset)


def _stack_segments(file: TriageFile, stack: StackWindow | Absent) -> Iterator[Segment]:
    if not isinstance(stack, Absent):
        yield Segment(stack.start, stack.data, "call stack", file.sections["call stack"].offset)


def _page_segments(file: TriageFile, machine: Machine) -> Iterator[Segment]:
    page = file.section("data page")
    if file.triage is not None and not isinstance(page, Absent):
        address = file.triage.data_page_address & machine.mask
        yield Segment(address, page, "data page", file.triage.data_page_offset)


def pointer_in_blocks(file: TriageFile, machine: Machine, blocks: Sequence[DataBlock], address: int) -> int | None:
    """The pointer at `address`, if one data block holds it."""
    for block_address, size, offset in blocks:
        if block_address <= address and address + machine.pointer <= block_address + size:
            at = offset + address - block_address
            return int.from_bytes(file.view(at, machine.pointer), "little")
    return None


def prcb_address(
    file: TriageFile, machine: Machine, blocks: Sequence[DataBlock], prcb: memoryview, number: int | None
) -> int | Absent:
    """Where the saved KPRCB lay: no field of the file says so.

    Tried in turn: KiProcessorBlock, a block of equal size and content, the vote of the structure's empty list heads.
    Source: format reference §3.8.
    """
    array = file.debugger_words.get("ki_processor_block", 0) & machine.mask
    if array and number is not None:
        pointer = pointer_in_blocks(file, machine, blocks, array + number * machine.pointer)
        if pointer is not None and pointer >= machine.kernel_start:
            return pointer
    for address, size, offset in blocks:
        if size == len(prcb) and file.view(offset, size) == prcb:
            return address
    return _elected(machine, prcb)


def _elected(machine: Machine, prcb: memoryview) -> int | Absent:
    # Two equal neighbouring pointers are an empty list head, which points at itself.
    size = machine.pointer
    words = prcb[: len(prcb) // size * size].cast("Q" if size == 8 else "I").tolist()
    kernel = machine.kernel_start
    votes = Counter(
        [
            word - index * size
            for index, (word, following) in enumerate(pairwise(words))
            if word == following and word >= kernel
        ]
    ).most_common(2)
    if not votes or votes[0][1] < _MIN_VOTES or (len(votes) > 1 and votes[1][1] * 2 > votes[0][1]):
        return Absent.NOT_CAPTURED
    return votes[0][0]
