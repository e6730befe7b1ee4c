"""The sections that a triage header promises, whether or not the file keeps the promise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smalldump.layout.structures import SIZE_WORDS
from smalldump.layout.triage import (
    DriverEntry32,
    DriverEntry64,
    MiTriageStorage32,
    MiTriageStorage64,
    TriageDataBlock,
    TriageDump32,
    TriageDump64,
)

__all__ = ["Promise", "promises"]


class Promise(NamedTuple):
    """A section as the triage header promises it.

    Attributes:
        name: As in `TriageFile.sections`.
        offset, size: In bytes; a size of 0 means that nothing in the file tells it.
        offset_field, size_field: Fields of the triage header; `size_field` is empty where none holds the size.
    """

    name: str
    offset: int
    size: int
    offset_field: str
    size_field: str = ""

    @property
    def end(self) -> int:
        """File offset behind the last byte."""
        return self.offset + self.size


def promises(triage: TriageDump64 | TriageDump32, words: Mapping[str, int]) -> tuple[Promise, ...]:
    """The sections that a triage header has an offset or a size for, in the order of its fields.

    Args:
        words: Words of the debugger data block, which tell the sizes of structures.
    """
    wide = isinstance(triage, TriageDump64)
    sizes = {kind: _aligned(words.get(word, 0)) for kind, word in SIZE_WORDS.items()}
    mm_size = MiTriageStorage64.SIZE if wide else MiTriageStorage32.SIZE
    entry = DriverEntry64.SIZE if wide else DriverEntry32.SIZE
    found = (
        Promise("MM block", triage.mm_offset, mm_size, "mm_offset"),
        Promise("unloaded drivers", triage.unloaded_drivers_offset, 0, "unloaded_drivers_offset"),
        Promise("KPRCB", triage.prcb_offset, sizes["KPRCB"], "prcb_offset"),
        Promise("EPROCESS", triage.process_offset, sizes["EPROCESS"], "process_offset"),
        Promise("ETHREAD", triage.thread_offset, sizes["ETHREAD"], "thread_offset"),
        _sized(triage, "call stack", "call_stack_offset", "size_of_call_stack"),
        _sized(triage, "driver list", "driver_list_offset", "driver_count", entry),
        _sized(triage, "string pool", "string_pool_offset", "string_pool_size"),
        _sized(triage, "data page", "data_page_offset", "data_page_size"),
        _sized(triage, "debugger data block", "debugger_data_offset", "debugger_data_size"),
        _sized(triage, "data block table", "data_blocks_offset", "data_blocks_count", TriageDataBlock.SIZE),
    )
    return tuple(promise for promise in found if promise.offset or (promise.size_field and promise.size))


def _sized(
    triage: TriageDump64 | TriageDump32, name: str, offset_field: str, size_field: str, unit: int = 1
) -> Promise:
    offset, size = getattr(triage, offset_field), getattr(triage, size_field)
    return Promise(name, offset, size * unit, offset_field, size_field)


def _aligned(size: int) -> int:
    return (size + 7) & ~7
