"""A kernel that was found in physical memory, as what Snapshots are made of."""

from __future__ import annotations

from functools import partial

from smalldump.errors import MemoryUnavailable
from smalldump.memory import PhysicalSpace
from smalldump.memory.paging import VirtualSpace
from smalldump.model.absent import Absent, present
from smalldump.model.machine import X86
from smalldump.sources.discovery import Clues, Discovery, ProcessorClue
from smalldump.sources.kernel_snapshot import Kernel
from smalldump.sources.physical_memory import CpuState, PhysicalMemory

__all__ = ["clues_of", "file_place", "found_kernel"]


def found_kernel(physical: PhysicalMemory, found: Discovery) -> Kernel | None:
    """The kernel that was found in `physical`, or None if not even its page tables were."""
    if isinstance(found.machine, Absent) or not isinstance(found.memory, VirtualSpace):
        return None
    return Kernel(
        machine=found.machine,
        memory=found.memory,
        place=partial(file_place, found.memory, physical.space),
        block=memoryview(found.debugger_data) if found.debugger_data else Absent.NOT_CAPTURED,
        block_address=found.debugger_block.value,
        kind=physical.kind,
        troubles=physical.troubles,
    )


def file_place(memory: VirtualSpace, physical: PhysicalSpace, address: int) -> int:
    """File offset of the byte at a virtual address; 0 where there is none."""
    try:
        return physical.offset_of(memory.translate(address)) or 0
    except MemoryUnavailable:
        return 0


def clues_of(physical: PhysicalMemory) -> Clues:
    """What a container tells that helps to find the kernel."""
    header = physical.header
    clues = Clues(machine=present(physical.machine), processors=tuple(map(_clue, physical.cpus)))
    if header is None:
        return clues
    return clues._replace(
        directory_table_base=header.directory_table_base,
        debugger_block=header.kd_debugger_data_block,
        loaded_modules=header.ps_loaded_module_list,
    )


def _clue(cpu: CpuState) -> ProcessorClue:
    registers = cpu.registers
    segment = cpu.fs_base if registers.machine is X86 else cpu.gs_base
    return ProcessorClue(
        number=cpu.number,
        pc=registers.pc,
        sp=registers.sp,
        cr3=present(cpu.cr3) or 0,
        cr4=present(cpu.cr4) or 0,
        segment_base=present(segment) or 0,
        kernel_gs_base=present(cpu.kernel_gs_base) or 0,
        idt=present(cpu.idt) or 0,
        gdt=present(cpu.gdt) or 0,
    )
