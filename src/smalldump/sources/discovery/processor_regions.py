"""The KPCR of each processor, and what a kernel tells debuggers through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from smalldump.layout.landmarks import DbgkdGetVersion64, Kpcr32, Kpcr64
from smalldump.memory import AddressSpace
from smalldump.model.machine import X64, X86, Machine
from smalldump.sources.discovery.clues import Clues, ProcessorClue

__all__ = ["ProcessorRegion", "Version", "count_processors", "processor_regions", "versions"]

_FIXED_KPCR = 0xFFDFF000
"""Where the first processor's KPCR lies before Windows Vista, x86."""
_KPCR_SELECTOR = 0x30
_MOST_PROCESSORS = 2048


class ProcessorRegion(NamedTuple):
    """A KPCR that names itself.

    Attributes:
        owner: Whose it is, in words.
        address: Where it lies.
        idt: Base of the interrupt descriptor table.
        version_block: Address of a DBGKD_GET_VERSION64, or 0.
    """

    owner: str
    address: int
    idt: int
    version_block: int


class Version(NamedTuple):
    """A DBGKD_GET_VERSION64 of Windows.

    Attributes:
        build: Windows build number.
        kern_base: Base of the kernel image.
        debugger_block: Address of KDDEBUGGER_DATA64, by the list that names it; 0 where that list is not there.
        how: Where it was found.
    """

    build: int
    kern_base: int
    debugger_block: int
    how: str


def processor_regions(space: AddressSpace, machine: Machine, clues: Clues) -> Iterator[ProcessorRegion]:
    """The KPCRs that the processors' registers lead to, and the one whose place is fixed."""
    for processor in clues.processors:
        for address in _bases(space, machine, processor):
            region = _region(space, machine, address, f"processor {processor.number}")
            if region is not None:
                yield region
                break
    fixed = _region(space, machine, _FIXED_KPCR, "the first processor, at its fixed place") if machine is X86 else None
    if fixed is not None:
        yield fixed


def _bases(space: AddressSpace, machine: Machine, processor: ProcessorClue) -> Iterator[int]:
    yield processor.segment_base
    if machine is X64:
        yield processor.kernel_gs_base
    if machine is X86 and processor.gdt:
        # In user mode FS leads to the TEB; the kernel's selector is always the same.
        entry = space.word(processor.gdt + _KPCR_SELECTOR, 8)
        if entry is not None:
            yield entry >> 16 & 0xFFFFFF | entry >> 56 << 24


def _region(space: AddressSpace, machine: Machine, address: int, owner: str) -> ProcessorRegion | None:
    size = Kpcr64.SIZE if machine is X64 else Kpcr32.SIZE
    data = space.try_read(address, size) if address >= machine.kernel_start else None
    if data is None:
        return None
    if machine is X64:
        wide = Kpcr64(data)
        own, region = wide.self_address, ProcessorRegion(owner, address, wide.idt_base, wide.kd_version_block)
    else:
        narrow = Kpcr32(data)
        own, region = narrow.self_pcr, ProcessorRegion(owner, address, narrow.idt, narrow.kd_version_block)
    return region if own == address else None


def versions(space: AddressSpace, machine: Machine, regions: list[ProcessorRegion]) -> Iterator[Version]:
    """What the version blocks of `regions` tell, as far as they make sense."""
    for region in regions:
        data = space.try_read(region.version_block, DbgkdGetVersion64.SIZE) if region.version_block else None
        if data is None:
            continue
        block = DbgkdGetVersion64(data)
        base = block.kern_base & machine.mask
        if block.machine_type == machine.image_type and base >= machine.kernel_start and not base & 0xFFF:
            head = block.debugger_data_list & machine.mask
            first = space.word(head, machine.pointer) if head else None
            yield Version(block.minor_version, base, first or 0, f"KdVersionBlock in the KPCR of {region.owner}")


def count_processors(memory: AddressSpace, machine: Machine, array: int) -> int:
    """How many entries of KiProcessorBlock, which lies at `array`, lead to a KPRCB whose KPCR names itself."""
    own = {X64: Kpcr64.self_address.offset - Kpcr64.SIZE, X86: Kpcr32.self_pcr.offset - Kpcr32.SIZE}.get(machine)
    before = {X64: Kpcr64.SIZE, X86: Kpcr32.SIZE}.get(machine, 0)
    for number in range(_MOST_PROCESSORS):
        prcb = memory.word(array + number * machine.pointer, machine.pointer)
        if prcb is None or prcb < machine.kernel_start:
            return number
        if own is not None and memory.word(prcb + own, machine.pointer) != prcb - before:
            return number
    return _MOST_PROCESSORS
