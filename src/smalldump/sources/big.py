"""Dumps of a machine's memory, complete or the kernel's: as Snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial

from smalldump.errors import FormatError
from smalldump.layout.blobs import BlobChain, walk_blobs
from smalldump.layout.dump import DumpType
from smalldump.memory import BytesSpace
from smalldump.memory.paging import PagingKind, Translation, VirtualSpace
from smalldump.model import Absent, Blob, BugCheck, DumpFacts, ExceptionRecord, Registers, Structure, System
from smalldump.model.machine import ARM64, X64, X86
from smalldump.sources.debugger_block import block_in_memory
from smalldump.sources.discovery import discover
from smalldump.sources.dump_file import DumpFile
from smalldump.sources.found_kernel import clues_of, file_place, found_kernel
from smalldump.sources.header_facts import (
    bug_check,
    dump_facts,
    exception_record,
    header_registers,
    header_structures,
    system_facts,
)
from smalldump.sources.kernel_snapshot import Kernel, KernelSnapshot
from smalldump.sources.physical import open_physical
from smalldump.sources.physical_memory import PhysicalMemory

__all__ = ["BigDump"]

_DEBUGGER_TYPES = (8, 9, 10)


class BigDump(KernelSnapshot):
    """A complete, kernel, bitmap or debugger's dump: pages of physical memory behind a header.

    Attributes:
        physical: The pages; None where none can be found.
        file: The file and its header.
    """

    def __init__(self, data: memoryview, name: str = "", release: Callable[[], None] = lambda: None) -> None:
        """Look at the header and at how the file holds its pages; everything else is read when it is asked for.

        Args:
            data: The whole file, mapped.
            name: What to call it.
            release: Called by `close`.

        Raises:
            NotADump: It begins with another signature.
            Truncated: Not even the bug check is in the file.
        """
        self.file = DumpFile(data)
        self.physical: PhysicalMemory | None = None
        try:
            self.physical = open_physical(data)
            kernel = _kernel(self.file, self.physical)
        except FormatError as trouble:  # the header can still be read
            kernel = _no_memory(self.file, DumpType(self.file.header.dump_type).words, (trouble,))
        super().__init__(kernel, name, release)

    @cached_property
    def system(self) -> System:
        return system_facts(self.file, self.kernel_base, self.variable("cm_nt_csd_version", 4))

    @cached_property
    def bug_check(self) -> BugCheck:
        return bug_check(self.file)

    @cached_property
    def dump(self) -> DumpFacts:
        # Only Microsoft's debuggers write these types; of the others nothing says who wrote them.
        by_debugger = self.file.header.dump_type in _DEBUGGER_TYPES
        return dump_facts(self.file, "dbgeng" if by_debugger else Absent.NOT_CAPTURED)

    @cached_property
    def exception(self) -> ExceptionRecord | Absent:
        return exception_record(self.file)

    @property
    def header_context(self) -> Registers | Absent:
        return header_registers(self.file)

    @cached_property
    def structures(self) -> Mapping[str, Structure]:
        return {**super().structures, **header_structures(self.file)}

    @cached_property
    def blob_chain(self) -> BlobChain:
        """Where the blobs lie; the chain starts right behind the last page."""
        end = Absent.CORRUPT if self.physical is None else self.physical.pages_end
        return walk_blobs(self.file.data, len(self.file.data) if isinstance(end, Absent) else end)

    @cached_property
    def blobs(self) -> Sequence[Blob]:
        spans = self.blob_chain.blobs
        return tuple(Blob(span.tag, self.file.view(span.offset, span.size), span.offset) for span in spans)


# How the processors of an architecture may translate addresses; the header tells at most whether it is PAE.
_PAGING = {
    X86: (PagingKind.X86, PagingKind.PAE),
    X64: (PagingKind.X64, PagingKind.LA57),
    ARM64: (PagingKind.ARM64,),
}


def _kernel(file: DumpFile, physical: PhysicalMemory) -> Kernel:
    root, kinds = file.fact("directory_table_base"), _PAGING.get(file.machine, ())
    if file.fact("pae_enabled") == 1:
        kinds = (PagingKind.PAE, PagingKind.X86)
    spaces = [] if isinstance(root, Absent) else [VirtualSpace(physical.space, Translation(k, root)) for k in kinds]
    if not spaces:
        return _no_memory(file, physical.kind, physical.troubles)
    kernels = [_seen_by(space, file, physical) for space in spaces]
    seen = next((kernel for kernel in kernels if not isinstance(kernel.block, Absent)), None)
    return seen or _searched(file, physical) or kernels[0]


def _searched(file: DumpFile, physical: PhysicalMemory) -> Kernel | None:
    # The block is encoded, or the header's words are wrong.
    if file.machine not in _PAGING:
        return None
    found = discover(physical.space, clues_of(physical)._replace(machine=file.machine, stored=len(file.data)))
    return found_kernel(physical, found) if found.debugger_data else None


def _seen_by(space: VirtualSpace, file: DumpFile, physical: PhysicalMemory) -> Kernel:
    machine, address = file.machine, _pointer(file, "kd_debugger_data_block")
    block = address if isinstance(address, Absent) else block_in_memory(space, machine, address)
    return Kernel(
        machine,
        space,
        partial(file_place, space, physical.space),
        block,
        address,
        _pointer(file, "ps_loaded_module_list"),
        physical.kind,
        physical.troubles,
    )


def _no_memory(file: DumpFile, kind: str, troubles: tuple[FormatError, ...]) -> Kernel:
    return Kernel(file.machine, BytesSpace({}), _nowhere, kind=kind, troubles=troubles)


def _pointer(file: DumpFile, name: str) -> int | Absent:
    value = file.fact(name)
    return value if isinstance(value, Absent) else value & file.machine.mask or Absent.NOT_CAPTURED


def _nowhere(_: int) -> int:
    return 0
