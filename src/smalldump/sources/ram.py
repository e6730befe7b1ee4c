"""Memory images without a dump header: ELF cores of virtual machines, LiME, raw images. As Snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

from smalldump.errors import UnsupportedFormat
from smalldump.memory import PAGE, PhysicalSpace
from smalldump.memory.paging import PagingKind
from smalldump.model.absent import Absent, present
from smalldump.model.execution import ProcessorState
from smalldump.model.machine import X86
from smalldump.model.records import BugCheck, Contexts, DumpFacts, Registers, Structure, System
from smalldump.model.records import PhysicalMemory as Runs
from smalldump.model.times import from_filetime, from_ticks
from smalldump.sources.bug_check_call import called_at, entry_registers
from smalldump.sources.crashed_processor import Crashed, Sign, crashed_processor, running_processor
from smalldump.sources.discovery import count_processors, discover
from smalldump.sources.execution import stack_from
from smalldump.sources.found_kernel import clues_of, found_kernel
from smalldump.sources.header_facts import service_pack_number
from smalldump.sources.kernel_snapshot import Kernel, KernelSnapshot
from smalldump.sources.physical import open_physical
from smalldump.sources.register_sets import CONTEXT_SIZES, context_record

__all__ = ["RamSnapshot"]

_MOST_RUNS = 1 << 12
_FREE_BUILD, _CHECKED_BUILD = 0xF, 0xC
_SUITE_BITS = 0xFFFF


class RamSnapshot(KernelSnapshot):
    """The memory of a machine, with or without what a virtual machine monitor tells of its processors.

    Attributes:
        physical: The memory, and what its container tells.
        discovery: What was found in it, and how.
    """

    def __init__(
        self,
        data: memoryview,
        name: str = "",
        release: Callable[[], None] = lambda: None,
        *,
        beside: Path | None = None,
    ) -> None:
        """Find the kernel; everything else is read when it is asked for.

        Where no processor's registers lead to page tables, all of memory is read once.

        Args:
            data: The whole file, mapped.
            name: What to call it.
            release: Called by `close`.
            beside: Where the file lies: VMware's second file is looked for beside it.

        Raises:
            FormatError: It is no container of physical memory.
            UnsupportedFormat: There is no Windows in it.
        """
        self.physical = open_physical(data, beside=beside)
        try:
            kernel = self._discovered(self.physical.stored or len(data))
        except BaseException:  # an interrupt, too, would leave the second file open; it goes on up
            self.physical.close()
            raise
        super().__init__(kernel, name, release)

    def _discovered(self, stored: int) -> Kernel:
        self.discovery = discover(self.physical.space, clues_of(self.physical)._replace(stored=stored))
        kernel = found_kernel(self.physical, self.discovery)
        if kernel is None:
            why = self.discovery.translation.how
            raise UnsupportedFormat(f"no Windows in this {self.physical.kind}", expected="page tables", found=why)
        return kernel

    def close(self) -> None:
        self.physical.close()
        super().close()

    @cached_property
    def system(self) -> System:
        shared, machine = self.discovery.shared, self.machine
        build = self.discovery.build.value
        return System(
            machine=machine,
            build=build,
            checked=self._checked,
            processors=self._count,
            pae=self._paging is PagingKind.PAE if machine is X86 else Absent.NOT_APPLICABLE,
            service_pack=service_pack_number(build, self.variable("cm_nt_csd_version", 4)),
            product_type=shared if isinstance(shared, Absent) else shared.nt_product_type or Absent.NOT_CAPTURED,
            suite_mask=shared if isinstance(shared, Absent) else shared.suite_mask & _SUITE_BITS,
            kernel_base=self.kernel_base,
        )

    @property
    def _paging(self) -> PagingKind | None:
        translation = self.discovery.translation.value
        return None if isinstance(translation, Absent) else translation.kind

    @property
    def _checked(self) -> bool | Absent:
        lab = present(self.build_lab) or ""
        return True if "chk" in lab else False if "fre" in lab else Absent.NOT_CAPTURED

    @property
    def _count(self) -> int | Absent:
        array = self.words.get("ki_processor_block", 0) & self.machine.mask
        found = count_processors(self.memory, self.machine, array) if array else 0
        return max(found, len(self.physical.cpus)) or Absent.NOT_CAPTURED

    @cached_property
    def kernel_base(self) -> int | Absent:
        return self.discovery.kernel_base.value

    @cached_property
    def bug_check(self) -> BugCheck | Absent:
        """The five words of KiBugcheckData; Absent.NOT_APPLICABLE where they say that no bug check has happened."""
        stop = super().bug_check
        return stop if isinstance(stop, Absent) or stop.code else Absent.NOT_APPLICABLE

    @property
    def paused(self) -> bool:
        """Whether a monitor stopped the machine: no bug check has happened."""
        return self.bug_check is Absent.NOT_APPLICABLE

    @cached_property
    def crashed(self) -> Crashed | None:
        """The processor that stopped the machine; of one that was paused, the first that was not idle."""
        processors = present(self._processors) or ()
        if self.paused:
            return running_processor(processors)
        found = crashed_processor(processors, Absent.NOT_APPLICABLE, self.bug_check, self.memory, self.offsets)
        if found is None or found.sign not in {Sign.ONLY, Sign.GUESS}:
            return found
        return next(filter(None, map(self._by_its_stack, processors)), found)

    def _by_its_stack(self, state: ProcessorState) -> Crashed | None:
        stop, size = self.bug_check, self.machine.pointer
        place = None if isinstance(stop, Absent) else called_at(state, stop, self.memory, self.offsets, size)
        if isinstance(stop, Absent) or place is None:
            return None
        entry = entry_registers(self.memory, self.offsets, stop, place, present(self.kernel_base) or 0)
        return Crashed(state if entry is None else self._with_registers(state, entry), Sign.CALL)

    @cached_property
    def _processors(self) -> Sequence[ProcessorState] | Absent:
        # Windows freezes the registers of all processors when it stops; before that only the monitor knows them.
        found = super()._processors
        if isinstance(found, Absent):
            return found
        told = {cpu.number: cpu.registers for cpu in self.physical.cpus}
        return [self._with_registers(state, told.get(present(state.number) or 0)) for state in found]

    def _with_registers(self, state: ProcessorState, told: Registers | None) -> ProcessorState:
        frozen = not isinstance(state.registers, Absent)
        if told is None or told.machine is not self.machine or (frozen and not self.paused):
            return state
        return state._replace(registers=told, stack=stack_from(self.memory, told, Absent.NOT_CAPTURED))

    @property
    def header_context(self) -> Registers | Absent:
        """The registers of the processor that stopped the machine: there is no header."""
        return Absent.NOT_CAPTURED if self.crashed is None else self.crashed.state.registers

    @cached_property
    def contexts(self) -> Contexts:
        found = super().contexts
        # What a processor froze when something stopped the machine before, or nothing at all, lies there.
        return found._replace(prcb=Absent.NOT_APPLICABLE) if self.paused else found

    @cached_property
    def structures(self) -> Mapping[str, Structure]:
        found, registers = dict(super().structures), self.header_context
        if not isinstance(registers, Absent) and (data := self._context(registers)) is not None:
            address = Absent.NOT_APPLICABLE if registers.address is None else registers.address
            found["CONTEXT"] = Structure("CONTEXT", memoryview(data), address)
        return found

    def _context(self, registers: Registers) -> bytes | None:
        if registers.address is not None:
            return self.memory.try_read(registers.address, CONTEXT_SIZES[self.machine])
        return context_record(self.machine, registers.values, registers.vectors, whole=False)

    @cached_property
    def dump(self) -> DumpFacts:
        shared = self.discovery.shared
        time = uptime = boot = shared if isinstance(shared, Absent) else 0
        if not isinstance(shared, Absent):
            time = shared.system_time_high1 << 32 | shared.system_time_low
            uptime = shared.interrupt_time_high1 << 32 | shared.interrupt_time_low
            boot = shared.boot_id or Absent.NOT_CAPTURED
        nothing = Absent.NOT_APPLICABLE
        return DumpFacts(
            writer=nothing,
            time=time if isinstance(time, Absent) else from_filetime(time),
            uptime=uptime if isinstance(uptime, Absent) else from_ticks(uptime),
            attributes=nothing,
            boot_id=boot,
            comment=nothing,
            writer_status=nothing,
            secondary_data_state=nothing,
            mini_dump_fields=nothing,
            required_dump_space=nothing,
            physical_memory=_runs(self.physical.space),
            fields=self._fields | {"system_time": time, "system_up_time": uptime, "boot_id": boot},
        )

    @property
    def _fields(self) -> dict[str, int | Absent]:
        # What a dump header would say.
        system, translation = self.system, self.discovery.translation.value
        checked = {True: _CHECKED_BUILD, False: _FREE_BUILD}
        pae = system.pae
        return {
            "major_version": system.checked if isinstance(system.checked, Absent) else checked[system.checked],
            "minor_version": system.build,
            "directory_table_base": translation if isinstance(translation, Absent) else translation.table,
            "pfn_data_base": self.variable("mm_pfn_database"),
            "ps_loaded_module_list": self._word("ps_loaded_module_list"),
            "ps_active_process_head": self._word("ps_active_process_head"),
            "machine_image_type": self.machine.image_type,
            "number_processors": system.processors,
            "kd_debugger_data_block": self.discovery.debugger_block.value,
            "pae_enabled": pae if isinstance(pae, Absent) else int(pae),
            "product_type": system.product_type,
            "suite_mask": system.suite_mask,
        }

    def _word(self, name: str) -> int | Absent:
        return self.words.get(name, 0) & self.machine.mask or Absent.NOT_CAPTURED


def _runs(space: PhysicalSpace) -> Runs | Absent:
    runs = [(start // PAGE, (end - start) // PAGE) for start, end in islice(space.ranges(), _MOST_RUNS + 1)]
    if len(runs) > _MOST_RUNS:
        return Absent.UNSUPPORTED
    return Runs(sum(count for _, count in runs), tuple(runs))
