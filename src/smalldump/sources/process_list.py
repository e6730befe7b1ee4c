"""All processes, and the threads of one, out of the kernel's own lists in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smalldump.layout.structures import StructureOffsets
from smalldump.memory import AddressSpace
from smalldump.model.absent import Absent
from smalldump.model.machine import Machine
from smalldump.model.records import Process, Structure
from smalldump.sources.kernel_objects import StructureReader, read_process
from smalldump.sources.list_walk import Walked, walk_list

__all__ = ["read_processes", "walk_processes", "walk_threads"]

_MOST_PROCESSES, _MOST_THREADS = 16384, 16384
_LARGEST_PROCESS = 0x1000


def walk_processes(
    memory: AddressSpace, machine: Machine, offsets: StructureOffsets, head: int
) -> tuple[tuple[int, ...], Walked] | Absent:
    """Addresses of the processes of the list at PsActiveProcessHead, and how the walk along it went.

    ActiveProcessLinks lies right behind UniqueProcessId, in all of 51 builds.
    """
    pid = offsets.offset("EPROCESS", "unique_process_id")
    if pid is None:
        return Absent.UNSUPPORTED
    walked = walk_list(memory, machine, head, _MOST_PROCESSES)
    return tuple(entry - pid - machine.pointer for entry in walked.entries), walked


def walk_threads(
    memory: AddressSpace, machine: Machine, offsets: StructureOffsets, process: int
) -> tuple[tuple[int, ...], Walked] | Absent:
    """Addresses of the threads of the process at `process`, by KPROCESS.ThreadListHead; and how the walk went."""
    head, links = offsets.offset("EPROCESS", "threads"), offsets.offset("ETHREAD", "links")
    if head is None or links is None:
        return Absent.UNSUPPORTED
    walked = walk_list(memory, machine, process + head, _MOST_THREADS)
    return tuple(entry - links for entry in walked.entries), walked


def read_processes(
    memory: AddressSpace, machine: Machine, offsets: StructureOffsets, addresses: Iterable[int]
) -> Iterator[Process]:
    """The processes at these addresses, as far as they can be read."""
    for address in addresses:
        data = memory.read_some(address, offsets.size("EPROCESS") or _LARGEST_PROCESS)
        if data:
            structure = Structure("EPROCESS", memoryview(data), address)
            yield read_process(StructureReader(machine, offsets, structure), None)
