"""Machines made of facts: for tests, and for tools that know of a crash without having a dump of it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from smalldump.errors import UnsupportedFormat
from smalldump.layout.triage import MiTriageStorage32, MiTriageStorage64
from smalldump.memory import AddressSpace, Overlay, Segment
from smalldump.model.absent import Absent, present
from smalldump.model.records import (
    Contexts,
    DataBlock,
    DumpFacts,
    Registers,
    StackWindow,
    System,
    Thread,
)
from smalldump.model.snapshot import Snapshot
from smalldump.sources.built_facts import BuiltFacts
from smalldump.sources.built_parts import BuiltParts, driver
from smalldump.sources.built_structures import ProcessFacts, ProcessorFacts, ThreadFacts
from smalldump.sources.crash_context import crash_registers, prcb_registers
from smalldump.sources.header_facts import build_lab, dump_facts, system_facts
from smalldump.sources.kernel_objects import read_process, read_processor, read_thread
from smalldump.sources.register_sets import context_record, context_registers
from smalldump.sources.secondary import read_requests
from smalldump.sources.triage_file import TriageFile

__all__ = ["ProcessFacts", "ProcessorFacts", "SnapshotBuilder", "ThreadFacts", "driver"]


@dataclass(frozen=True, kw_only=True)
class SnapshotBuilder(BuiltFacts):
    r"""The facts of a stopped machine; `build` makes a Snapshot of them, which can be written as a small dump.

        SnapshotBuilder(bug_check=BugCheck(0xD1, (0x28, 2, 0, pc)), registers={"rip": pc}).build()
        SnapshotBuilder(machine=X86, build_number=2600, service_pack=3, process={"name": "System", "pid": 4}).build()

    What is not said has a sensible value: the machine has a kernel, a thread with a stack, a process, a processor. A
    fact that the dumps of the build cannot hold is Absent in the Snapshot. Nothing is changed by `build`.

    Attributes: see `BuiltFacts`.
    """

    def with_(self, **changes: Any) -> Self:
        """A builder with other facts."""
        return replace(self, **changes)

    def context(self, registers: Mapping[str, int]) -> bytes:
        """A CONTEXT of this machine, for memory that a bug check's parameter points to."""
        return context_record(self.machine, registers, {})

    def build(self) -> Snapshot:
        """The machine.

        Raises:
            UnsupportedFormat: The architecture is not supported.
            ValueError: A fact does not fit into the field that holds it.
        """
        if not self.machine.supported:
            raise UnsupportedFormat("machines of this architecture cannot be built", found=self.machine.name)
        try:
            return self._built(BuiltParts(self))
        except (struct.error, OverflowError) as error:
            raise ValueError(f"a fact does not fit into its field: {error}") from error

    def _built(self, parts: BuiltParts) -> Snapshot:
        built = Snapshot()
        built.name, built.machine, built.bug_check = self.name, self.machine, self.bug_check
        built.system, built.dump = self._header_facts(parts)
        built.exception, built.structures = parts.exception, parts.structures
        built.debugger_data, built.modules = parts.debugger_data, parts.modules
        built.unloaded_modules = Absent.NOT_CAPTURED if self.unloaded_modules is None else tuple(self.unloaded_modules)
        built.broken_driver = self.broken_driver or Absent.NOT_CAPTURED
        built.memory_manager = self._counters()
        built.blobs = tuple(self.blobs)
        built.requests = read_requests(built.blobs)
        _tell_objects(built, parts)
        self._tell_memory(built, parts)
        return built

    def _header_facts(self, parts: BuiltParts) -> tuple[System, DumpFacts]:
        header = TriageFile(memoryview(parts.header))
        base = parts.words.get("kern_base") or Absent.NOT_CAPTURED
        system = system_facts(header, base, self.service_pack << 8)
        return system, dump_facts(header, Absent.NOT_APPLICABLE)

    def _counters(self) -> dict[str, int]:
        kind = MiTriageStorage64 if self.machine.bits == 64 else MiTriageStorage32
        values: dict[str, Any] = {"version": 1, "size": kind.SIZE, **self.memory_manager}
        return dict(kind(kind.build(**values)).items())

    def _tell_memory(self, built: Snapshot, parts: BuiltParts) -> None:
        start, data = parts.stack
        if data:
            built.stack = StackWindow(start, memoryview(data), _cut(built.thread, start, start + len(data)))
        if self.data_page is not None:
            built.data_page = DataBlock(self.data_page[0], len(self.data_page[1]), 0)
        built.data_blocks = tuple(DataBlock(address, len(piece), 0) for address, piece in parts.pieces.items())
        built.memory = self._view(parts)
        built.build_lab = build_lab(built.debugger_data, built.memory)
        built.contexts = _contexts(built, parts)

    def _view(self, parts: BuiltParts) -> AddressSpace:
        # In the order in which a small dump's memory is read.
        structures = [
            Segment(structure.address, structure.data, structure.kind)
            for structure in parts.structures.values()
            if not isinstance(structure.address, Absent)
        ]
        last = [segment for segment in structures if segment.origin == "KDDEBUGGER_DATA64" and self.machine.bits == 32]
        pieces = [("call stack", parts.stack), *([("data page", self.data_page)] if self.data_page else [])]
        pieces += [("memory", piece) for piece in parts.pieces.items()]
        others = [Segment(address, memoryview(data), origin) for origin, (address, data) in pieces]
        return Overlay([*(segment for segment in structures if segment not in last), *others, *last])


def _tell_objects(built: Snapshot, parts: BuiltParts) -> None:
    readers = {kind: parts.reader(kind) for kind in ("KPRCB", "EPROCESS", "ETHREAD") if kind in parts.structures}
    thread = readers.get("ETHREAD")
    if "KPRCB" in readers:
        built.processor = read_processor(readers["KPRCB"])
    if "EPROCESS" in readers:
        built.process = read_process(readers["EPROCESS"], thread)
    if thread is not None:
        built.thread = read_thread(thread)


def _contexts(built: Snapshot, parts: BuiltParts) -> Contexts:
    header: Registers | Absent = Absent.NOT_CAPTURED
    prcb: Registers | Absent = Absent.NOT_CAPTURED
    if "CONTEXT" in parts.structures:
        header = context_registers(built.machine, parts.structures["CONTEXT"].data, "dump header")
    if "KPRCB" in parts.structures:
        prcb = prcb_registers(parts.reader("KPRCB"), built.memory)
    stop = present(built.bug_check)
    crash = header if stop is None else crash_registers(stop, built.memory, built.stack, header)
    return Contexts(header, prcb, crash)


def _cut(thread: Thread | Absent, start: int, end: int) -> int | Absent:
    if isinstance(thread, Absent):
        return thread
    base, limit = thread.stack_base, thread.stack_limit
    if isinstance(base, Absent) or isinstance(limit, Absent):
        return Absent.UNSUPPORTED
    return max(base - end, 0) if limit <= start < base else Absent.NOT_APPLICABLE
