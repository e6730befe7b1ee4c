"""Small memory dumps, by either writer, as Snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from smalldump.errors import SourceUnreadable
from smalldump.layout.context import ExceptionRecord32, ExceptionRecord64
from smalldump.layout.dump import FILL
from smalldump.layout.structures import StructureOffsets
from smalldump.layout.triage import MiTriageStorage32, MiTriageStorage64
from smalldump.memory import Overlay
from smalldump.model import (
    Absent,
    Blob,
    BugCheck,
    Contexts,
    DataBlock,
    DumpFacts,
    ExceptionRecord,
    ModuleList,
    Process,
    Processor,
    Registers,
    RequestedRange,
    Snapshot,
    StackWindow,
    Structure,
    System,
    Thread,
    UnloadedModule,
)
from smalldump.model.absent import present
from smalldump.model.execution import ProcessorState, ThreadState
from smalldump.sources.crash_context import crash_registers, prcb_registers
from smalldump.sources.driver_lists import broken_driver, loaded_modules, unloaded_modules
from smalldump.sources.execution import read_processors, read_threads
from smalldump.sources.header_facts import build_lab, dump_facts, system_facts
from smalldump.sources.kernel_objects import (
    StructureReader,
    processor_number,
    read_process,
    read_processor,
    read_thread,
)
from smalldump.sources.memory_view import data_blocks, memory_view, prcb_address
from smalldump.sources.register_sets import CONTEXT_SIZES, context_registers
from smalldump.sources.secondary import read_blobs, read_requests
from smalldump.sources.triage_file import TriageFile

__all__ = ["SmallDump"]


class SmallDump(Snapshot):
    """A small memory dump."""

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
        return system_facts(self.file, self.file.machine)

    @cached_property
    def build_lab(self) -> str | Absent:
        """The kernel's build string, where its page is in the dump."""
        found = build_lab(self.debugger_data, self.memory)
        return self._unsaved if found is Absent.NOT_CAPTURED else found

    @property
    def _unsaved(self) -> Absent:
        # Why memory is not there: of a cut file it may be among what was lost.
        return Absent.CORRUPT if self.file.cut else Absent.NOT_CAPTURED

    @cached_property
    def bug_check(self) -> BugCheck:
        header = self.file.header
        return BugCheck(
            header.bug_check_code,
            (
                header.bug_check_parameter1,
                header.bug_check_parameter2,
                header.bug_check_parameter3,
                header.bug_check_parameter4,
            ),
        )

    @cached_property
    def dump(self) -> DumpFacts:
        return dump_facts(self.file)

    @cached_property
    def exception(self) -> ExceptionRecord | Absent:
        raw = self.file.header.exception
        if type(self.file.header).exception.end > len(self.file.data):
            return Absent.CORRUPT
        if raw.startswith(FILL):
            return Absent.NOT_CAPTURED
        record = ExceptionRecord64(raw) if self.file.bits == 64 else ExceptionRecord32(raw)
        count = min(record.number_parameters, len(record.exception_information))
        return ExceptionRecord(
            record.exception_code,
            record.exception_flags,
            record.exception_address,
            record.exception_information[:count],
        )

    @cached_property
    def structures(self) -> Mapping[str, Structure]:
        found = {kind: self._structure(kind) for kind in ("KPRCB", "EPROCESS", "ETHREAD")}
        block, address = self.file.debugger_data, self.file.fact("kd_debugger_data_block")
        if not isinstance(block, Absent):
            if not isinstance(address, Absent):
                address &= self.machine.mask
            found["KDDEBUGGER_DATA64"] = Structure("KDDEBUGGER_DATA64", block, address)
        if self.machine.supported:
            found |= {kind: self._header_record(kind) for kind in ("CONTEXT", "EXCEPTION_RECORD")}
        return {kind: structure for kind, structure in found.items() if structure is not None}

    def _header_record(self, kind: str) -> Structure | None:
        """A record that lies in the header, unless it was never written."""
        record = type(self.file.header).context_record if kind == "CONTEXT" else type(self.file.header).exception
        data = memoryview(self.file.header.data)[record.offset : record.end]
        return None if data[:4] == FILL else Structure(kind, data, Absent.NOT_APPLICABLE)

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

    @cached_property
    def _offsets(self) -> StructureOffsets:
        build = self.system.build
        words = self.file.debugger_words
        return StructureOffsets(self.machine.image_type, -1 if isinstance(build, Absent) else build, words)

    def _bare_reader(self, kind: str) -> StructureReader:
        # A reader that needs no address, for finding out addresses.
        data = self.file.section(kind)
        view = self.file.data[:0] if isinstance(data, Absent) else data
        return StructureReader(self.machine, self._offsets, Structure(kind, view, Absent.NOT_CAPTURED))

    def _reader(self, kind: str) -> StructureReader | None:
        structure = self.structures.get(kind)
        if structure is None:
            return None
        return StructureReader(self.machine, self._offsets, structure, self.file.missing(kind))

    @cached_property
    def processor(self) -> Processor | Absent:
        reader = self._reader("KPRCB")
        return self.file.missing("KPRCB") if reader is None else read_processor(reader)

    @cached_property
    def processors(self) -> Sequence[ProcessorState] | Absent:
        reader = self._bare_reader("KPRCB")
        return read_processors(
            self.machine, self._offsets, self.memory, self.system.processors, processor_number(reader)
        )

    @cached_property
    def threads(self) -> Sequence[ThreadState]:
        if not self.machine.supported:
            return ()
        processors = (*(present(self.processors) or ()), self._own_processor)
        return tuple(read_threads(self.machine, self._offsets, self.memory, processors))

    @property
    def _own_processor(self) -> ProcessorState:
        """The one that crashed, as the sections of the file tell: where dbgeng saved no other, too."""
        number, contexts = processor_number(self._bare_reader("KPRCB")), self.contexts
        registers = contexts.header if isinstance(contexts.prcb, Absent) else contexts.prcb
        thread, idle = self._ethread_address, Absent.NOT_CAPTURED
        return ProcessorState(number, True, self._kprcb_address, thread, idle, registers, self.stack)

    @cached_property
    def process(self) -> Process | Absent:
        reader = self._reader("EPROCESS")
        return self.file.missing("EPROCESS") if reader is None else read_process(reader, self._reader("ETHREAD"))

    @cached_property
    def thread(self) -> Thread | Absent:
        reader = self._reader("ETHREAD")
        if reader is None:
            return self.file.missing("ETHREAD")
        thread = read_thread(reader)
        return thread._replace(start_address=self._start_routine(thread.start_address))

    def _start_routine(self, address: int | Absent) -> int | Absent:
        # ETHREAD.StartAddress shares its memory with other fields (PostBlockList), which a user-mode thread may have
        # in use: then a pointer to kernel data stands there, one real dump of 21.
        if isinstance(address, Absent) or address < self.machine.kernel_start or not self.modules:
            return address
        return address if self.modules.at(address) or self.unloaded_at(address) else Absent.NOT_CAPTURED

    @cached_property
    def contexts(self) -> Contexts:
        header, reader = self._header_context, self._reader("KPRCB")
        prcb = self.file.missing("KPRCB") if reader is None else prcb_registers(reader, self.memory)
        prcb = self._unsaved if prcb is Absent.NOT_CAPTURED else prcb
        return Contexts(header, prcb, crash_registers(self.bug_check, self.memory, self.stack, header))

    @property
    def _header_context(self) -> Registers | Absent:
        end = type(self.file.header).context_record.offset + CONTEXT_SIZES.get(self.machine, 0)
        if end > len(self.file.data):
            return Absent.CORRUPT
        return context_registers(self.machine, self.file.header.context_record, "dump header")

    @cached_property
    def stack(self) -> StackWindow | Absent:
        data = self.file.section("call stack")
        if isinstance(data, Absent) or self.file.triage is None:
            return self.file.missing("call stack")
        start = self.file.triage.top_of_stack
        return StackWindow(start, data, self._stack_cut(start, start + len(data)))

    def _stack_cut(self, start: int, end: int) -> int | Absent:
        thread = self.thread
        if isinstance(thread, Absent):
            return thread
        base, limit = thread.stack_base, thread.stack_limit
        if isinstance(base, Absent) or isinstance(limit, Absent):
            return Absent.UNSUPPORTED
        return max(base - end, 0) if limit <= start < base else Absent.NOT_APPLICABLE

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
