"""Snapshot: a stopped machine, whatever it was read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Self

from smalldump.memory import AddressSpace, BytesSpace
from smalldump.model.absent import Absent
from smalldump.model.execution import ProcessorState, ThreadState
from smalldump.model.machine import Machine
from smalldump.model.modules import ModuleList
from smalldump.model.records import (
    Blob,
    BugCheck,
    Contexts,
    DataBlock,
    DumpFacts,
    ExceptionRecord,
    Process,
    Processor,
    Registers,
    RequestedRange,
    StackWindow,
    Structure,
    System,
    Thread,
    UnloadedModule,
)

__all__ = ["Snapshot"]


class Snapshot:
    """A stopped machine: facts, raw structures and readable memory.

    A source overrides the facts that it can give; each is computed when it is first asked for. What no source gives
    stays Absent. A snapshot is a context manager; leaving it lets go of the file.
    """

    name: str = ""
    kind: str = ""
    """What it was read from, in words: `complete memory dump`; empty where nothing was read."""
    has_pages: bool = False
    """Whether its memory is that of the whole kernel, by pages, rather than what somebody chose."""

    @cached_property
    def machine(self) -> Machine:
        """Architecture."""
        return self.system.machine

    @cached_property
    def system(self) -> System:
        """The machine and its Windows."""
        raise NotImplementedError

    @cached_property
    def build_lab(self) -> str | Absent:
        """The kernel's build string, `19041.1.amd64fre.vb_release.191206-1406`."""
        return Absent.NOT_CAPTURED

    @cached_property
    def bug_check(self) -> BugCheck | Absent:
        """Why Windows stopped."""
        return Absent.NOT_CAPTURED

    @cached_property
    def dump(self) -> DumpFacts | Absent:
        """What the dump says of itself: writer, time, uptime, attributes."""
        return Absent.NOT_CAPTURED

    @cached_property
    def exception(self) -> ExceptionRecord | Absent:
        """The header's exception record; almost always synthetic (0x80000003 at the program counter)."""
        return Absent.NOT_CAPTURED

    @cached_property
    def processor(self) -> Processor | Absent:
        """The processor that stopped the machine."""
        return Absent.NOT_CAPTURED

    @cached_property
    def processors(self) -> Sequence[ProcessorState] | Absent:
        """All processors by number, and what each was doing."""
        return Absent.NOT_CAPTURED

    @cached_property
    def threads(self) -> Sequence[ThreadState]:
        """Threads whose ETHREAD begins in the dump, by address; the one that crashed among them.

        Where the memory of the whole kernel is there: those that were running, and those of the crash's process.
        """
        return ()

    @cached_property
    def processes(self) -> Sequence[Process] | Absent:
        """All processes, in the order of the kernel's list."""
        return Absent.NOT_CAPTURED

    @cached_property
    def process(self) -> Process | Absent:
        """The process in whose address space the crash happened."""
        return Absent.NOT_CAPTURED

    @cached_property
    def thread(self) -> Thread | Absent:
        """The thread that crashed."""
        return Absent.NOT_CAPTURED

    @cached_property
    def contexts(self) -> Contexts:
        """The three register sets."""
        return Contexts(Absent.NOT_CAPTURED, Absent.NOT_CAPTURED, Absent.NOT_CAPTURED)

    @property
    def registers(self) -> Registers | Absent:
        """The registers of the code that failed."""
        return self.contexts.crash

    @cached_property
    def stack(self) -> StackWindow | Absent:
        """The saved part of the kernel stack."""
        return Absent.NOT_CAPTURED

    @cached_property
    def modules(self) -> ModuleList:
        """Loaded modules, in load order."""
        return ModuleList()

    @cached_property
    def unloaded_modules(self) -> Sequence[UnloadedModule] | Absent:
        """Unloaded drivers, the most recent first."""
        return Absent.NOT_CAPTURED

    @cached_property
    def broken_driver(self) -> str | Absent:
        """The driver that Windows itself blames."""
        return Absent.NOT_CAPTURED

    @cached_property
    def debugger_data(self) -> Mapping[str, int] | Absent:
        """Words of the debugger data block by Microsoft's name in snake_case; what the build lacks is not in it."""
        return Absent.NOT_CAPTURED

    @cached_property
    def memory_manager(self) -> Mapping[str, int] | Absent:
        """Counters of the memory manager, by Microsoft's name in snake_case; pages unless said otherwise."""
        return Absent.NOT_CAPTURED

    @cached_property
    def structures(self) -> Mapping[str, Structure]:
        """Raw structures by kind: KPRCB, EPROCESS, ETHREAD, KDDEBUGGER_DATA64, CONTEXT, EXCEPTION_RECORD."""
        return {}

    @cached_property
    def data_blocks(self) -> Sequence[DataBlock]:
        """Extra pieces of memory, in file order."""
        return ()

    @cached_property
    def data_page(self) -> DataBlock | Absent:
        """The one extra page of Windows XP and Server 2003 dumps."""
        return Absent.NOT_CAPTURED

    @cached_property
    def blobs(self) -> Sequence[Blob]:
        """Secondary data, in file order."""
        return ()

    @cached_property
    def requests(self) -> Sequence[RequestedRange]:
        """Which component asked for which range."""
        return ()

    @cached_property
    def memory(self) -> AddressSpace:
        """All memory that the dump holds, at its true addresses."""
        return BytesSpace({})

    @cached_property
    def absences(self) -> Mapping[str, Absent]:
        """Why `modules`, `data_blocks` or `blobs` are empty, where that is no fact but something missing."""
        return {}

    def thread_at(self, address: int) -> ThreadState | None:
        """The thread whose ETHREAD lies at `address`; None where that is not in the dump."""
        return next((state for state in self.threads if state.thread.address == address), None)

    def unloaded_at(self, address: int) -> UnloadedModule | None:
        """The most recently unloaded driver whose old range holds `address`."""
        if isinstance(self.unloaded_modules, Absent):
            return None
        return next((module for module in self.unloaded_modules if module.base <= address < module.end), None)

    def close(self) -> None:
        """Let go of the file that the snapshot was read from."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
