"""What the raw KPRCB, EPROCESS and ETHREAD of the crash tell, wherever a source took them from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from smalldump.layout.structures import StructureOffsets
from smalldump.model import Absent, Contexts, Process, Processor, Registers, Snapshot, Thread
from smalldump.sources.crash_context import crash_registers, prcb_registers
from smalldump.sources.kernel_objects import StructureReader, read_process, read_processor, read_thread

__all__ = ["StructuredSnapshot"]


class StructuredSnapshot(Snapshot):
    """A machine of which `structures` holds the crash's KPRCB, EPROCESS and ETHREAD; a source says what is missing."""

    @property
    def words(self) -> Mapping[str, int]:
        """Words of the debugger data block by name, as they are stored."""
        return {}

    @property
    def unsaved(self) -> Absent:
        """Why memory that nobody can read is not there."""
        return Absent.NOT_CAPTURED

    @property
    def header_context(self) -> Registers | Absent:
        """The registers in the dump's header."""
        return Absent.NOT_CAPTURED

    def missing(self, kind: str) -> Absent:
        """Why a structure, or the end of it, is not there."""
        raise NotImplementedError

    @cached_property
    def offsets(self) -> StructureOffsets:
        """Where the fields of this build's structures lie."""
        build = self.system.build
        return StructureOffsets(self.machine.image_type, -1 if isinstance(build, Absent) else build, self.words)

    def reader(self, kind: str) -> StructureReader | None:
        """Reads fields of a structure, if it is there."""
        structure = self.structures.get(kind)
        if structure is None:
            return None
        return StructureReader(self.machine, self.offsets, structure, self.missing(kind))

    @cached_property
    def processor(self) -> Processor | Absent:
        reader = self.reader("KPRCB")
        return self.missing("KPRCB") if reader is None else read_processor(reader)

    @cached_property
    def process(self) -> Process | Absent:
        reader = self.reader("EPROCESS")
        return self.missing("EPROCESS") if reader is None else read_process(reader, self.reader("ETHREAD"))

    @cached_property
    def thread(self) -> Thread | Absent:
        reader = self.reader("ETHREAD")
        if reader is None:
            return self.missing("ETHREAD")
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
        header, reader = self.header_context, self.reader("KPRCB")
        prcb = self.missing("KPRCB") if reader is None else prcb_registers(reader, self.memory)
        prcb = self.unsaved if prcb is Absent.NOT_CAPTURED else prcb
        stop = self.bug_check
        crash = header if isinstance(stop, Absent) else crash_registers(stop, self.memory, self.stack, header)
        return Contexts(header, prcb, crash)

    def stack_cut(self, start: int, end: int) -> int | Absent:
        """Bytes of the crashed thread's stack that are missing behind a window of it; see `StackWindow`."""
        thread = self.thread
        if isinstance(thread, Absent):
            return thread
        base, limit = thread.stack_base, thread.stack_limit
        if isinstance(base, Absent) or isinstance(limit, Absent):
            return Absent.UNSUPPORTED
        return max(base - end, 0) if limit <= start < base else Absent.NOT_APPLICABLE
