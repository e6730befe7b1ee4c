"""Small memory dumps, by either writer, as Snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from smalldump.errors import SourceUnreadable
from smalldump.layout.dump import DumpType
from smalldump.layout.triage import MiTriageStorage32, MiTriageStorage64
from smalldump.memory import Overlay
from smalldump.model import (
    Absent,
    Blob,
    BugCheck,
    DataBlock,
    DumpFacts,
    ExceptionRecord,
    ModuleList,
    Registers,
    RequestedRange,
    StackWindow,
    Structure,
    System,
    UnloadedModule,
)
from smalldump.model.absent import present
from smalldump.model.execution import ProcessorState, ThreadState
from smalldump.sources.driver_lists import broken_driver, loaded_modules, unloaded_modules
from smalldump.sources.execution import read_processors, read_threads
from smalldump.sources.header_facts import (
    bug_check,
    build_lab,
    dump_facts,
    exception_record,
    header_registers,
    header_structures,
    system_facts,
)
from smalldump.sources.kernel_objects import (
    StructureReader,
    processor_number,
)
from smalldump.sources.memory_view import data_blocks, memory_view, prcb_address
from smalldump.sources.secondary import read_blobs, read_requests
from smalldump.sources.structured import StructuredSnapshot
from smalldump.sources.triage_file import TriageFile

__all__ = ["SmallDump"]


class SmallDump(StructuredSnapshot):
    """A small memory dump."""

    kind = DumpType.TRIAGE.words

    def __init__(self, data: memoryview, name: str = "", release: Callable[[], None] = lambda: None) -> None:
        """Look at the signature and the headers; everything else is read when it is asked for.

        Args:
            data: The whole file.
            name: What to call it.
            release: Called by `close`.

        Raises:
            FormatError: See `TriageFile`.
        """
        self.name, self._release = name, release
        self._file: TriageFile | None = TriageFile(data)

    @property
    def file(self) -> TriageFile:
        """Its bytes, divided into sections.

        Raises:
            SourceUnreadable: The dump has been closed.
        """
        if self._file is None:
            raise SourceUnreadable(self.name, "the dump has been closed; only facts that were read before are left")
        return self._file

    def close(self) -> None:
        """Let go of the file; facts that were read before stay, asking for others raises `SourceUnreadable`."""
        if self._file is not None:
            self._file = None
            self._release()

    @cached_property
    def system(self) -> System:
        return system_facts(self.file, self._kernel_base, self._service_pack)

    @property
    def _kernel_base(self) -> int | Absent:
        if isinstance(self.file.debugger_data, Absent):
            return self.file.debugger_data
        return self.file.debugger_words.get("kern_base", 0) & self.file.machine.mask or Absent.NOT_CAPTURED

    @property
    def _service_pack(self) -> int | Absent:
        if self.file.triage is None or not self.file.machine.supported:
            return Absent.CORRUPT if self.file.machine.supported else Absent.UNSUPPORTED
        return self.file.triage.service_pack_build

    @cached_property
    def build_lab(self) -> str | Absent:
        """The kernel's build string, where its page is in the dump."""
        found = build_lab(self.debugger_data, self.memory)
        return self.unsaved if found is Absent.NOT_CAPTURED else found

    @property
    def unsaved(self) -> Absent:
        # Why memory is not there: of a cut file it may be among what was lost.
        return Absent.CORRUPT if self.file.cut else Absent.NOT_CAPTURED

    @cached_property
    def bug_check(self) -> BugCheck:
        return bug_check(self.file)

    @cached_property
    def dump(self) -> DumpFacts:
        by_dbgeng = self.file.written_by_dbgeng
        writer = by_dbgeng if isinstance(by_dbgeng, Absent) else "dbgeng" if by_dbgeng else "kernel"
        return dump_facts(self.file, writer)

    @cached_property
    def exception(self) -> ExceptionRecord | Absent:
        return exception_record(self.file)

    @cached_property
    def structures(self) -> Mapping[str, Structure]:
        found = {kind: self._structure(kind) for kind in ("KPRCB", "EPROCESS", "ETHREAD")}
        block, address = self.file.debugger_data, self.file.fact("kd_debugger_data_block")
        if not isinstance(block, Absent):
            if not isinstance(address, Absent):
                address &= self.machine.mask
            found["KDDEBUGGER_DATA64"] = Structure("KDDEBUGGER_DATA64", block, address)
        known = {kind: structure for kind, structure in found.items() if structure is not None}
        return known | header_structures(self.file)

    def _structure(self, kind: str) -> Structure | None:
        data = self.file.section(kind)
        if isinstance(data, Absent):
            return None
        return Structure(kind, data, getattr(self, f"_{kind.lower()}_address"))

    @cached_property
    def _kprcb_address(self) -> int | Absent:
        data = self.file.section("KPRCB")
        if isinstance(data, Absent) or not self.machine.supported:
            return Absent.NOT_CAPTURED
        number = processor_number(self._bare_reader("KPRCB"))
        known = None if isinstance(number, Absent) else number
        return prcb_address(self.file, self.machine, self.data_blocks, data, known)

    @cached_property
    def _ethread_address(self) -> int | Absent:
        return self._pointer_of("KPRCB", "current")

    @cached_property
    def _eprocess_address(self) -> int | Absent:
        return self._pointer_of("ETHREAD", "apc_process")

    def _pointer_of(self, kind: str, field: str) -> int | Absent:
        if isinstance(self.file.section(kind), Absent):
            return Absent.NOT_CAPTURED
        address = self._bare_reader(kind).pointer(field)
        return Absent.CORRUPT if address == 0 else address

    def _bare_reader(self, kind: str) -> StructureReader:
        # A reader that needs no address, for finding out addresses.
        data = self.file.section(kind)
        view = self.file.data[:0] if isinstance(data, Absent) else data
        return StructureReader(self.machine, self.offsets, Structure(kind, view, Absent.NOT_CAPTURED))

    @property
    def words(self) -> Mapping[str, int]:
        return self.file.debugger_words

    def missing(self, kind: str) -> Absent:
        return self.file.missing(kind)

    @cached_property
    def processors(self) -> Sequence[ProcessorState] | Absent:
        reader = self._bare_reader("KPRCB")
        return read_processors(
            self.machine, self.offsets, self.memory, self.system.processors, processor_number(reader)
        )

    @cached_property
    def threads(self) -> Sequence[ThreadState]:
        if not self.machine.supported:
            return ()
        processors = (*(present(self.processors) or ()), self._own_processor)
        return tuple(read_threads(self.machine, self.offsets, self.memory, processors))

    @property
    def _own_processor(self) -> ProcessorState:
        """The one that crashed, as the sections of the file tell: where dbgeng saved no other, too."""
        number, contexts = processor_number(self._bare_reader("KPRCB")), self.contexts
        registers = contexts.header if isinstance(contexts.prcb, Absent) else contexts.prcb
        thread, idle = self._ethread_address, Absent.NOT_CAPTURED
        return ProcessorState(number, True, self._kprcb_address, thread, idle, registers, self.stack)

    @property
    def header_context(self) -> Registers | Absent:
        return header_registers(self.file)

    @cached_property
    def stack(self) -> StackWindow | Absent:
        data = self.file.section("call stack")
        if isinstance(data, Absent) or self.file.triage is None:
            return self.file.missing("call stack")
        start = self.file.triage.top_of_stack
        return StackWindow(start, data, self.stack_cut(start, start + len(data)))

    @cached_property
    def modules(self) -> ModuleList:
        return ModuleList(loaded_modules(self.file))

    @cached_property
    def unloaded_modules(self) -> Sequence[UnloadedModule] | Absent:
        return unloaded_modules(self.file)

    @cached_property
    def broken_driver(self) -> str | Absent:
        return broken_driver(self.file)

    @cached_property
    def debugger_data(self) -> Mapping[str, int] | Absent:
        if isinstance(self.file.debugger_data, Absent):
            return self.file.debugger_data
        mask = self.machine.mask
        return {name: word & mask for name, word in self.file.debugger_words.items()}

    @cached_property
    def memory_manager(self) -> Mapping[str, int] | Absent:
        data = self.file.section("MM block")
        kind = MiTriageStorage64 if self.file.bits == 64 else MiTriageStorage32
        if isinstance(data, Absent) or len(data) < kind.SIZE:
            return self.file.missing("MM block")
        return dict(kind(data).items())

    @cached_property
    def data_blocks(self) -> Sequence[DataBlock]:
        return data_blocks(self.file, self.machine)

    @cached_property
    def data_page(self) -> DataBlock | Absent:
        page, triage = self.file.sections.get("data page"), self.file.triage
        if page is None or triage is None:
            return self.file.missing("data page")
        return DataBlock(triage.data_page_address & self.machine.mask, page.size, page.offset)

    @cached_property
    def blobs(self) -> Sequence[Blob]:
        return read_blobs(self.file) if self.machine.supported else ()

    @cached_property
    def requests(self) -> Sequence[RequestedRange]:
        return read_requests(self.blobs)

    @cached_property
    def absences(self) -> Mapping[str, Absent]:
        file, found = self.file, dict[str, Absent]()
        if "driver list" not in file.sections:
            found["modules"] = file.missing("driver list")
        if not self.machine.supported:
            return found | dict.fromkeys(("data_blocks", "blobs"), Absent.UNSUPPORTED)
        blocks_lost = file.missing("data block table") is Absent.CORRUPT or any(file.block_entries)
        if blocks_lost and not self.data_blocks:
            found["data_blocks"] = Absent.CORRUPT
        if file.cut:
            found["blobs"] = Absent.CORRUPT
        return found

    @cached_property
    def memory(self) -> Overlay:
        return memory_view(self.file, self.machine, self.stack, self.structures, self.data_blocks)
