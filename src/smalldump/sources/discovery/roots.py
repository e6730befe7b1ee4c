"""Where the root of the kernel's page tables may be, the surest places first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from smalldump.layout.landmarks import START_BLOCK_JUMP, START_BLOCK_MASK, Kpcr64, ProcessorStartBlock
from smalldump.memory import AddressSpace
from smalldump.memory.paging import PagingKind, Translation, VirtualSpace
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.sources.discovery.clues import Clues, ProcessorClue
from smalldump.sources.discovery.effort import PAGE
from smalldump.sources.discovery.root_scan import scanned_roots

__all__ = ["Candidate", "candidates"]

_LA57, _PAE = 1 << 12, 1 << 5  # of CR4
_KERNEL_ROOT = 0x7000
"""Of KPCR: KPRCB.KernelDirectoryTableBase, which the system call entry loads. Source: QEMU's elf2dmp."""
_LOW_MEMORY = 1 << 20
_MOST_SCANNED = 256
_ALIKE = {PagingKind.X64: (PagingKind.ARM64,)}
"""ARM64 has two roots, TTBR0 and TTBR1; Windows keeps both in one page, its self-map in the kernel's half of it, where
x64 has it (practice of public debuggers; no image of a real machine was seen)."""
_MACHINES = {
    PagingKind.X64: X64,
    PagingKind.LA57: X64,
    PagingKind.X86: X86,
    PagingKind.PAE: X86,
    PagingKind.ARM64: ARM64,
}


class Candidate(NamedTuple):
    """Page tables that may be the kernel's, where they were found, and an address in the kernel if that was told."""

    translation: Translation
    how: str
    kernel_address: int = 0

    @property
    def machine(self) -> Machine:
        """The architecture that translates like that."""
        return _MACHINES[self.translation.kind]


def candidates(physical: AddressSpace, clues: Clues) -> Iterator[Candidate]:
    """Roots that may be the kernel's. The scan of all memory comes last; who has found one does not ask for more."""
    if clues.directory_table_base:
        for kind in _kinds(clues, 0):
            yield Candidate(Translation(kind, clues.directory_table_base), "the header's DirectoryTableBase")
    for processor in clues.processors:
        for kind in _kinds(clues, processor.cr4) if processor.cr3 else ():
            yield Candidate(Translation(kind, processor.cr3), f"CR3 of processor {processor.number}")
    for processor in clues.processors:
        yield from _shadowed(physical, clues, processor)
    if clues.machine in (X64, None):
        yield from _start_blocks(physical, clues)
    yield from islice(_scanned(physical, clues), _MOST_SCANNED)


def _kinds(clues: Clues, cr4: int) -> Iterator[PagingKind]:
    if clues.machine in (X64, None):
        if not cr4 & _LA57:
            yield PagingKind.X64
        if not cr4 or cr4 & _LA57:
            yield PagingKind.LA57
    if clues.machine in (X86, None):
        pae = bool(cr4 & _PAE) if cr4 else clues.pae
        if pae is not False:
            yield PagingKind.PAE
        if not pae:
            yield PagingKind.X86
    if clues.machine is ARM64:
        yield PagingKind.ARM64


def _shadowed(physical: AddressSpace, clues: Clues, processor: ProcessorClue) -> Iterator[Candidate]:
    # Against Meltdown, user mode runs on tables that map little of the kernel, but the KPCR.
    for kind in _kinds(clues, processor.cr4) if processor.cr3 else ():
        if _MACHINES[kind] is not X64:
            continue
        space = VirtualSpace(physical, Translation(kind, processor.cr3))
        for base in (processor.kernel_gs_base, processor.segment_base):
            data = space.try_read(base, Kpcr64.SIZE) if base >= X64.kernel_start else None
            if data is None or Kpcr64(data).self_address != base:
                continue
            root = space.word(base + _KERNEL_ROOT, 8)
            if root:
                how = f"KernelDirectoryTableBase in the KPRCB of processor {processor.number}"
                yield Candidate(Translation(kind, root), how)


def _start_blocks(physical: AddressSpace, clues: Clues) -> Iterator[Candidate]:
    for address in range(0, _LOW_MEMORY, PAGE):
        data = physical.try_read(address, ProcessorStartBlock.SIZE)
        if data is None:
            continue
        block = ProcessorStartBlock(data)
        if block.jump & START_BLOCK_MASK == START_BLOCK_JUMP and block.long_mode_target >= X64.kernel_start:
            for kind in _kinds(clues._replace(machine=X64), 0):
                how = f"the processors' start block at physical address {address:#x}"
                yield Candidate(Translation(kind, block.cr3), how, block.long_mode_target)


def _scanned(physical: AddressSpace, clues: Clues) -> Iterator[Candidate]:
    for found in scanned_roots(physical, clues.end, clues.stored):
        for kind in (found.translation.kind, *_ALIKE.get(found.translation.kind, ())):
            if clues.machine in (None, _MACHINES[kind]):
                how = f"a scan of memory: entry {found.entry:#x} of its table leads to itself"
                yield Candidate(found.translation._replace(kind=kind), how)
