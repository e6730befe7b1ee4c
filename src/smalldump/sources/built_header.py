"""The dump header made of facts: what the readers in `header_facts` read, the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smalldump.layout.dump import (
    FILL,
    DumpHeader32,
    DumpHeader64,
    DumpType,
    MemoryRun32,
    MemoryRun64,
    PhysicalMemoryDescriptor32,
    PhysicalMemoryDescriptor64,
)
from smalldump.model.machine import Machine
from smalldump.model.records import PhysicalMemory

__all__ = ["dump_header"]


def dump_header(
    machine: Machine, fields: Mapping[str, int | None], comment: str, memory: PhysicalMemory | None
) -> bytes:
    """A header with these fields, comment and physical memory; None and empty: never written.

    Raises:
        KeyError: The header of this machine has no such field.
    """
    kind: Any = DumpHeader64 if machine.bits == 64 else DumpHeader32
    values: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    values |= {"signature": FILL, "valid_dump": b"DU64" if machine.bits == 64 else b"DUMP"}
    header = bytearray(kind.build(FILL, dump_type=DumpType.TRIAGE, **values))
    if comment:
        _put(header, kind.comment.offset, comment.encode("ascii")[: kind.comment.size - 1] + b"\0")
    if memory is not None:
        _put(header, kind.physical_memory_block.offset, _runs(machine, memory))
    return bytes(header)


def _put(header: bytearray, offset: int, data: bytes) -> None:
    header[offset : offset + len(data)] = data


def _runs(machine: Machine, memory: PhysicalMemory) -> bytes:
    head, run = (
        (PhysicalMemoryDescriptor64, MemoryRun64) if machine.bits == 64 else (PhysicalMemoryDescriptor32, MemoryRun32)
    )
    data = head.build(number_of_runs=len(memory.runs), number_of_pages=memory.pages)
    return bytes(data) + b"".join(run.build(base_page=first, page_count=count) for first, count in memory.runs)
