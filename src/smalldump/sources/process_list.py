"""All processes out of the kernel's own list in memory."""

from __future__ import annotations

from smalldump.layout.structures import StructureOffsets
from smalldump.memory import AddressSpace
from smalldump.model.absent import Absent
from smalldump.model.machine import Machine
from smalldump.model.records import Process, Structure
from smalldump.sources.kernel_objects import StructureReader, read_process
from smalldump.sources.list_walk import Walked, walk_list

__all__ = ["processes_in_memory"]

_MOST_PROCESSES = 65536
_LARGEST_PROCESS = 0x1000


def processes_in_memory(
    memory: AddressSpace, machine: Machine, offsets: StructureOffsets, head: int
) -> tuple[tuple[Process, ...], Walked | Absent]:
    """The processes of the list at PsActiveProcessHead, and how the walk along it ended.

    ActiveProcessLinks lies right behind UniqueProcessId, in all of 51 builds.
    """
    pid = offsets.offset("EPROCESS", "unique_process_id")
    if pid is None:
        return (), Absent.UNSUPPORTED
    walked = walk_list(memory, machine, head, _MOST_PROCESSES)
    starts = (entry - pid - machine.pointer for entry in walked.entries)
    found = (_read(memory, machine, offsets, start) for start in starts)
    return tuple(process for process in found if process is not None), walked


def _read(memory: AddressSpace, machine: Machine, offsets: StructureOffsets, address: int) -> Process | None:
    data = memory.read_some(address, offsets.size("EPROCESS") or _LARGEST_PROCESS)
    structure = Structure("EPROCESS", memoryview(data), address)
    return read_process(StructureReader(machine, offsets, structure), None) if data else None
