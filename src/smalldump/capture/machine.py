"""A guest that stands still, as a machine: with its kernel where that is found, else with what the host knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from smalldump.capture.guest_memory import GuestMemory
from smalldump.errors import UnsupportedFormat
from smalldump.layout.context import ExceptionRecord32, ExceptionRecord64
from smalldump.layout.dump import Attributes
from smalldump.memory import AddressSpace
from smalldump.memory.paging import PagingKind, Translation, VirtualSpace
from smalldump.model import Absent, BugCheck, Contexts, DataBlock, DumpFacts, Registers, Snapshot, StackWindow, System
from smalldump.model.absent import present
from smalldump.model.execution import ProcessorState
from smalldump.model.machine import X86
from smalldump.model.records import Structure
from smalldump.sources.built_structures import filetime
from smalldump.sources.discovery import discover
from smalldump.sources.found_kernel import clues_of, found_kernel
from smalldump.sources.kernel_snapshot import KernelSnapshot
from smalldump.sources.physical_memory import CpuState
from smalldump.sources.ram import RamSnapshot
from smalldump.sources.register_sets import context_record

__all__ = ["LIVE", "NO_BUG_CHECK", "HostSnapshot", "KernelOfGuest", "Stop", "guest_machine"]

LIVE = BugCheck(0x161, (0, 0, 0, 0))
"""LIVE_SYSTEM_DUMP: nothing failed, somebody wanted a dump."""

NO_BUG_CHECK = BugCheck(0, (0, 0, 0, 0))
"""What debuggers write of a machine that tells none: with nothing written the header would hold its fill."""

_SCANNED = 1 << 28
"""Memory that is looked through at most where no register leads to Windows: the guest stands still meanwhile."""
_STACK, _PAGE = 0x2000, 0x1000
_PAGING, _PAE, _FIVE_LEVELS = 1 << 31, 1 << 5, 1 << 12
_BREAKPOINT = 0x80000003
_CODE_BEFORE, _CODE = 0x80, 0x200


class Stop(NamedTuple):
    """Why a guest was stopped, as far as the host knows.

    Attributes:
        bug_check: Told by the guest's crash registers, or `LIVE`; None: not told.
        live: Whether the guest is well, and only a dump of it was wanted.
        comment: For the dump's header.
    """

    bug_check: BugCheck | None = None
    live: bool = False
    comment: str = ""


class KernelOfGuest(RamSnapshot):
    """A guest whose kernel was found."""

    def __init__(self, memory: GuestMemory, stop: Stop, name: str) -> None:
        """Find the kernel.

        Raises:
            UnsupportedFormat: There is no Windows in the memory that could be looked through.
        """
        self.physical, self._stop = memory.physical, stop
        clues = clues_of(self.physical)._replace(stored=_SCANNED)
        self.discovery = discover(self.physical.space, clues)
        kernel = found_kernel(self.physical, self.discovery)
        if kernel is None:
            how = self.discovery.translation.how
            raise UnsupportedFormat("no Windows in the guest", expected="page tables", found=how)
        KernelSnapshot.__init__(self, kernel, name)

    @cached_property
    def bug_check(self) -> BugCheck:
        """That of a dump on demand; else KiBugcheckData; else what the guest's crash registers told."""
        if self._stop.live:
            return LIVE
        return present(super().bug_check) or self._stop.bug_check or NO_BUG_CHECK

    def _with_registers(self, state: ProcessorState, told: Registers | None) -> ProcessorState:
        # What Windows froze long ago is not what its processors do now.
        stale = self._stop.live and told is not None
        return super()._with_registers(state._replace(registers=Absent.NOT_CAPTURED) if stale else state, told)

    @cached_property
    def dump(self) -> DumpFacts:
        return _marked(super().dump, self._stop)

    @cached_property
    def structures(self) -> Mapping[str, Structure]:
        """Those of the kernel; what a header holds is made of QEMU's registers where Windows has frozen none."""
        registers = self.header_context
        made = {} if isinstance(registers, Absent) else _header_structures(registers)
        return made | dict(super().structures)


class HostSnapshot(Snapshot):
    """A guest whose kernel was not found: registers, and what they point to."""

    has_pages = True

    def __init__(self, memory: GuestMemory, stop: Stop, name: str) -> None:
        """Take the memory; there must be a processor.

        Raises:
            UnsupportedFormat: QEMU tells of no processor.
        """
        self.name, self.kind, self._stop = name, memory.physical.kind, stop
        self._cpus = memory.physical.cpus
        if not self._cpus:
            raise UnsupportedFormat("QEMU tells of no processor")
        self._spaces = [_seen_by(cpu, memory.physical.space) for cpu in self._cpus]
        self.machine, self.memory = self._cpus[0].registers.machine, self._spaces[0]

    @cached_property
    def system(self) -> System:
        unknown = Absent.NOT_CAPTURED
        pae = bool((present(self._cpus[0].cr4) or 0) & _PAE) if self.machine is X86 else Absent.NOT_APPLICABLE
        return System(self.machine, unknown, unknown, len(self._cpus), pae, unknown, unknown, unknown, unknown)

    @cached_property
    def bug_check(self) -> BugCheck:
        return LIVE if self._stop.live else self._stop.bug_check or NO_BUG_CHECK

    @cached_property
    def dump(self) -> DumpFacts:
        """The time is the host's."""
        now, root, unknown = datetime.now(UTC), self._cpus[0].cr3, Absent.NOT_CAPTURED
        fields = {
            "directory_table_base": root if isinstance(root, Absent) else root & self.machine.mask,
            "machine_image_type": self.machine.image_type,
            "number_processors": len(self._cpus),
            "system_time": filetime(now),
        }
        rest = (unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown)
        facts = DumpFacts(unknown, now, *rest, fields)
        return _marked(facts, self._stop)

    @cached_property
    def contexts(self) -> Contexts:
        registers = self._cpus[0].registers
        return Contexts(registers, Absent.NOT_CAPTURED, registers)

    @cached_property
    def structures(self) -> Mapping[str, Structure]:
        return _header_structures(self._cpus[0].registers)

    @cached_property
    def stack(self) -> StackWindow | Absent:
        start = self._cpus[0].registers.sp
        data = self.memory.read_some(start, _STACK)
        return StackWindow(start, memoryview(data), Absent.NOT_CAPTURED) if data else Absent.NOT_CAPTURED

    @cached_property
    def data_blocks(self) -> Sequence[DataBlock]:
        """Stack and code of each processor."""
        places = [(cpu.registers.sp & -_PAGE, _STACK) for cpu in self._cpus]
        places += [(max(cpu.registers.pc - _CODE_BEFORE, 0), _CODE) for cpu in self._cpus]
        sizes = ((address, len(self.memory.read_some(address, size))) for address, size in places)
        return tuple(DataBlock(address, size, 0) for address, size in dict(sizes).items() if size)


def guest_machine(memory: GuestMemory, stop: Stop, name: str) -> tuple[Snapshot, str]:
    """The guest as a machine, and why its kernel is not in it; empty where it is.

    Raises:
        UnsupportedFormat: Neither a kernel nor a processor is known.
    """
    try:
        machine = KernelOfGuest(memory, stop, name)
    except UnsupportedFormat as error:
        return HostSnapshot(memory, stop, name), str(error)
    if machine.discovery.debugger_data:
        return machine, ""
    return machine, f"no debugger data block: {machine.discovery.debugger_block.how}"


def _marked(dump: DumpFacts, stop: Stop) -> DumpFacts:
    attributes = int(Attributes.LIVE_DUMP_GENERATED_DUMP) if stop.live else dump.attributes
    fields = {**dump.fields, "attributes": attributes}
    return dump._replace(attributes=attributes, comment=stop.comment or dump.comment, fields=fields)


def _header_structures(registers: Registers) -> dict[str, Structure]:
    # As Windows does, the header says that there was a breakpoint at the program counter.
    context = context_record(registers.machine, registers.values, registers.vectors)
    kind: Any = ExceptionRecord64 if registers.machine.bits == 64 else ExceptionRecord32
    exception = bytes(kind.build(exception_code=_BREAKPOINT, exception_address=registers.pc))
    records = {"CONTEXT": context, "EXCEPTION_RECORD": exception}
    return {name: Structure(name, memoryview(data), Absent.NOT_APPLICABLE) for name, data in records.items()}


def _seen_by(cpu: CpuState, physical: AddressSpace) -> AddressSpace:
    cr0, cr3, cr4 = (present(value) or 0 for value in (cpu.cr0, cpu.cr3, cpu.cr4))
    if not cr0 & _PAGING:
        return physical
    if cpu.registers.machine is X86:
        kind = PagingKind.PAE if cr4 & _PAE else PagingKind.X86
    else:
        kind = PagingKind.LA57 if cr4 & _FIVE_LEVELS else PagingKind.X64
    return VirtualSpace(physical, Translation(kind, cr3))
