"""Variables of the kernel that debuggers ask for, found by the words of the debugger data block.

What and how much is what Microsoft's converter takes, seen in 22 dumps that it wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smalldump.model import Absent, Snapshot
from smalldump.model.requests import RangeRequest, Rank

__all__ = ["kernel_variables"]

_VERIFIER_BYTES = {32: 0x84, 64: 0x9C}
_COUNTERS = {
    "mm_bad_pages_detected": "MmBadPagesDetected",
    "mm_zeroed_page_single_bit_errors_detected": "MmZeroedPageSingleBitErrorsDetected",
}
_MOST_RANGES = 1024
_LONGEST_RANGE = 0x100000


def kernel_variables(machine: Snapshot) -> Iterator[RangeRequest]:
    """Verifier state, memory errors, the words of the bug check, and the ranges that drivers named for small dumps."""
    words = {} if isinstance(machine.debugger_data, Absent) else machine.debugger_data
    if address := words.get("mm_verifier_data", 0):
        yield _part(address, _VERIFIER_BYTES[machine.machine.bits], "MmVerifierData")
    for word, name in _COUNTERS.items():
        if address := words.get(word, 0):
            yield _part(address, 4, name)
    if address := words.get("ki_bugcheck_data", 0):
        yield _part(address, 5 * machine.machine.pointer, "KiBugCheckData", Rank.BUG_CHECK)
    yield from _triage_ranges(machine, words)


# Pairs of the first byte and the one behind the last.
def _triage_ranges(machine: Snapshot, words: Mapping[str, int]) -> Iterator[RangeRequest]:
    number, array = words.get("iop_num_triage_dump_data_blocks", 0), words.get("iop_triage_dump_data_blocks", 0)
    count, size = machine.memory.word(number, 4) if number else 0, machine.machine.pointer
    if number:
        yield _part(number, 4, "IopNumTriageDumpDataBlocks", Rank.COMPONENT)
    if not count or not array or count > _MOST_RANGES:
        return
    yield _part(array, 2 * size * count, "IopTriageDumpDataBlocks", Rank.COMPONENT)
    contexts = _frozen_contexts(machine)
    for at in range(array, array + 2 * size * count, 2 * size):
        start, end = machine.memory.word(at, size) or 0, machine.memory.word(at + size, size) or 0
        if 0 < end - start <= _LONGEST_RANGE and start not in contexts:
            yield _part(start, end - start, "named by a driver", Rank.COMPONENT)


# Windows itself names the contexts of all processors, which are taken with these.
def _frozen_contexts(machine: Snapshot) -> set[int | None]:
    states = machine.processors
    known = () if isinstance(states, Absent) else [state.registers for state in states]
    return {registers.address for registers in known if not isinstance(registers, Absent)}


def _part(address: int, size: int, why: str, rank: Rank = Rank.OTHER) -> RangeRequest:
    return RangeRequest(address, size, why, rank=rank)
