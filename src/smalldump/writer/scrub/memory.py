"""Scrubbing of memory: which ranges of the data blocks may stay, and what their bytes may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from smalldump.memory import RangeMap
from smalldump.model import Absent, Snapshot
from smalldump.model.requests import Rank
from smalldump.writer.contents import Block
from smalldump.writer.scrub.classes import Permitted, Tally, Withheld, weight
from smalldump.writer.scrub.records import RegisterSet
from smalldump.writer.scrub.values import Landmarks

__all__ = ["Piece", "permitted_memory", "scrub_blocks"]

_BEFORE, _BEHIND = 0x10, 0x100  # of a return address: the longest CALL; what unwinders look at
_LAB_BYTES = 0x100
_LAB_LEAST = 0x40  # less of NtBuildLab, and debuggers say nothing of it
_LAB = re.compile(rb"[0-9]{4,5}(?:\.[A-Za-z0-9_\-]+){1,6}\0")
_EXECUTED_DATA = 0xFC  # ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY: there the program counter leads to no code


class Piece(NamedTuple):
    """A range of memory that may stay.

    Attributes:
        data: Its bytes, built anew; None: as they are.
    """

    start: int
    end: int
    what: Permitted
    data: bytes | None = None


def permitted_memory(
    machine: Snapshot,
    sets: Iterable[RegisterSet],
    returns: Iterable[int],
    unwind: Iterable[tuple[int, int]],
    landmarks: Landmarks,
) -> list[Piece]:
    """All ranges that may stay, in order of precedence.

    Args:
        returns: Addresses whose surroundings are known to be code.
        unwind: Ranges that a walk read of headers and function tables.
    """
    pieces = [Piece(each.address, each.end, Permitted.REGISTERS, each.data) for each in sets]
    pieces += _build_lab(machine)
    pieces += _bug_check_data(machine)
    for address in (*_program_counters(machine), *sorted(returns)):
        code = landmarks.code_range(address, _BEFORE, _BEHIND)
        if code is not None:
            pieces.append(Piece(*code, Permitted.CODE))
    pieces += (Piece(*each, Permitted.UNWIND) for each in unwind if landmarks.in_one_image(*each))
    return pieces


def _build_lab(machine: Snapshot) -> Iterator[Piece]:
    address = _word_of(machine, "nt_build_lab")
    found = _LAB.match(machine.memory.read_some(address, _LAB_BYTES)) if address else None
    if found:
        text = found[0].ljust(_LAB_LEAST, b"\0")
        yield Piece(address, address + len(text), Permitted.BUILD, text)


def _bug_check_data(machine: Snapshot) -> Iterator[Piece]:
    # KiBugCheckData repeats what the header says; words that it does not say stay out.
    address, size, stop = _word_of(machine, "ki_bugcheck_data"), machine.machine.pointer, machine.bug_check
    data = machine.memory.try_read(address, 5 * size) if address else None
    if data is None or isinstance(stop, Absent):
        return
    known = {stop.code, stop.stored_code, *stop.parameters}
    words = (int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size))
    kept = b"".join((word if word in known else 0).to_bytes(size, "little") for word in words)
    yield Piece(address, address + len(kept), Permitted.BUILD, kept)


def _word_of(machine: Snapshot, name: str) -> int:
    return 0 if isinstance(machine.debugger_data, Absent) else machine.debugger_data.get(name, 0)


def _program_counters(machine: Snapshot) -> Iterator[int]:
    stop = machine.bug_check
    if not isinstance(stop, Absent) and stop.code == _EXECUTED_DATA:
        return
    for registers in machine.contexts:
        if not isinstance(registers, Absent):
            yield registers.pc


def scrub_blocks(blocks: Iterable[Block], pieces: Iterable[Piece], tally: Tally) -> tuple[Block, ...]:
    """What may stay of the blocks, as blocks; the KiProcessorBlock group goes as a whole."""
    permitted: RangeMap[Piece] = RangeMap((piece.start, piece.end, piece) for piece in pieces)
    kept: list[Block] = []
    done: list[tuple[int, int, bool]] = []
    for block in blocks:
        found = list(_permitted_parts(block, permitted, RangeMap(done), tally))
        done += [(part.address, part.address + len(part.data), True) for part in found]
        grouped = block.rank is Rank.PROCESSOR_GROUP
        where = Withheld.PROCESSOR_GROUP if grouped else Withheld.MEMORY
        tally.remove(where, block.data, sum(weight(part.data) for part in found))
        kept += found
    return tuple(kept)


def _permitted_parts(block: Block, permitted: RangeMap[Piece], done: RangeMap[bool], tally: Tally) -> Iterator[Block]:
    block_end = block.address + len(block.data)
    rank = Rank.BUG_CHECK if block.rank is Rank.PROCESSOR_GROUP else block.rank
    for start, end, piece in permitted.from_position(block.address):
        if start >= block_end:
            return
        for low, high in done.gaps(max(start, block.address), min(end, block_end)):
            data = block.data[low - block.address : high - block.address]
            if piece.data is not None:
                data = piece.data[low - piece.start : high - piece.start]
            tally.keep(piece.what, data)
            yield Block(low, bytes(data), piece.what.name.lower().replace("_", " "), "", rank)
