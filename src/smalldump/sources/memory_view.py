"""The one memory of a small dump: stack, structures, extra page and data blocks, at their true addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress, islice
from operator import eq

from smalldump.memory import Overlay, Segment
from smalldump.model.absent import Absent
from smalldump.model.machine import Machine
from smalldump.model.records import DataBlock, StackWindow, Structure
from smalldump.sources.triage_file import TriageFile

__all__ = ["data_blocks", "memory_view", "prcb_address"]

_LARGEST_PRCB = 0x10000  # its size in the debugger data block has 16 bits
_COMPARED_LIMIT = 64
_ELECTION_STEP = 512
_MIN_VOTES = 16
"""Empty list heads that must agree on a PRCB's address; in 21 real dumps the right one has 112 to 577, others 1."""


def data_blocks(file: TriageFile, machine: Machine) -> list[DataBlock]:
    """The data blocks in file order, as far as their bytes are in the file; empty ones are left out."""
    end, mask = len(file.data), machine.mask
    return [
        DataBlock(address & mask, size if offset + size <= end else end - offset, offset)
        for address, offset, size in file.block_entries
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
        + [Segment(address, file.data[at : at + size], "data block", at) for address, size, at in blocks]
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


def _pointer_in_blocks(file: TriageFile, machine: Machine, blocks: Sequence[DataBlock], address: int) -> int | None:
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
        pointer = _pointer_in_blocks(file, machine, blocks, array + number * machine.pointer)
        if pointer is not None and pointer >= machine.kernel_start:
            return pointer
    equal = _equal_block(file, blocks, prcb)
    return _elected(machine, prcb[:_LARGEST_PRCB]) if equal is None else equal


def _equal_block(file: TriageFile, blocks: Sequence[DataBlock], prcb: memoryview) -> int | None:
    # A hostile file can have thousands of nearly equal blocks.
    if len(prcb) > _LARGEST_PRCB:
        return None
    as_long: dict[int, int] = {}
    for address, size, offset in blocks:
        if size == len(prcb):
            as_long.setdefault(offset, address)
    wanted = bytes(prcb)
    nearest = islice(as_long.items(), _COMPARED_LIMIT)
    return next((address for offset, address in nearest if bytes(file.view(offset, len(prcb))) == wanted), None)


def _elected(machine: Machine, prcb: memoryview) -> int | Absent:
    # Two equal neighbouring pointers are an empty list head, which points at itself. Most structures are decided
    # long before their end.
    size = machine.pointer
    words = prcb[: len(prcb) // size * size].cast("Q" if size == 8 else "I").tolist()
    votes: Counter[int] = Counter()
    for start in range(0, len(words), _ELECTION_STEP):
        part = words[start : start + _ELECTION_STEP + 1]
        pairs = compress(range(len(part)), map(eq, part, part[1:]))
        votes.update([part[i] - (start + i) * size for i in pairs if part[i] >= machine.kernel_start])
        if start and _winner(votes, 2 * _MIN_VOTES):
            break
    return _winner(votes, _MIN_VOTES) or Absent.NOT_CAPTURED


def _winner(votes: Counter[int], least: int) -> int | None:
    leading = votes.most_common(2)
    if not leading or leading[0][1] < least or (len(leading) > 1 and leading[1][1] * 2 > leading[0][1]):
        return None
    return leading[0][0]
