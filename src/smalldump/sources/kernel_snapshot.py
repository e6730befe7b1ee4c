"""A stopped machine out of its whole kernel memory: complete dumps, kernel dumps, memory images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from smalldump.errors import FormatError, SourceUnreadable
from smalldump.memory import AddressSpace
from smalldump.model import (
    Absent,
    BugCheck,
    DataBlock,
    Module,
    ModuleList,
    Process,
    RequestedRange,
    StackWindow,
    Structure,
    UnloadedModule,
)
from smalldump.model.absent import present
from smalldump.model.execution import ProcessorState, ThreadState
from smalldump.model.machine import Machine
from smalldump.sources.crashed_processor import Crashed, crashed_processor
from smalldump.sources.debugger_block import debugger_words
from smalldump.sources.driver_memory import modules_in_memory, unloaded_in_memory
from smalldump.sources.execution import read_processors, threads_at
from smalldump.sources.header_facts import build_lab
from smalldump.sources.kernel_counters import counters_in_memory
from smalldump.sources.kernel_stack import stack_bytes
from smalldump.sources.list_walk import Walked
from smalldump.sources.process_list import read_processes, walk_processes, walk_threads
from smalldump.sources.secondary import read_requests
from smalldump.sources.structured import StructuredSnapshot
from smalldump.sources.triage_ranges import triage_ranges

__all__ = ["Kernel", "KernelSnapshot"]

_MOST_THREADS = 1024


class Kernel(NamedTuple):
    """A stopped kernel, as far as it was found.

    Attributes:
        memory: By virtual address.
        block: The valid bytes of its debugger data block, decoded, in the form that small dumps have.
        block_address: Where that lies.
        kind: What the memory was read from, in words: `complete memory dump`.
        troubles: What is wrong with how the file holds the memory.
        place: Tells the file offset of a virtual address; 0 where there is none.
        module_list: Address of PsLoadedModuleList, where the block does not tell it.
    """

    machine: Machine
    memory: AddressSpace
    place: Callable[[int], int]
    block: memoryview | Absent = Absent.NOT_CAPTURED
    block_address: int | Absent = Absent.NOT_CAPTURED
    module_list: int | Absent = Absent.NOT_CAPTURED
    kind: str = ""
    troubles: tuple[FormatError, ...] = ()


class KernelSnapshot(StructuredSnapshot):
    """A machine whose kernel memory can be read. A source tells `system` and what it knows of the bug check."""

    has_pages = True

    def __init__(self, kernel: Kernel, name: str = "", release: Callable[[], None] = lambda: None) -> None:
        """Take a kernel; everything is read when it is asked for.

        Args:
            name: What to call it.
            release: Called by `close`.
        """
        self.name, self._release = name, release
        self._kernel: Kernel | None = kernel
        self.kind, self.troubles = kernel.kind, kernel.troubles

    @property
    def kernel(self) -> Kernel:
        """The kernel.

        Raises:
            SourceUnreadable: The source has been closed.
        """
        if self._kernel is None:
            raise SourceUnreadable(self.name, "the dump has been closed; only facts that were read before are left")
        return self._kernel

    def close(self) -> None:
        """Let go of the memory; facts that were read before stay, asking for others raises `SourceUnreadable`."""
        if self._kernel is not None:
            self._kernel = None
            self._release()

    @cached_property
    def machine(self) -> Machine:
        return self.kernel.machine

    @cached_property
    def memory(self) -> AddressSpace:
        return self.kernel.memory

    @cached_property
    def words(self) -> Mapping[str, int]:
        block = self.kernel.block
        return {} if isinstance(block, Absent) else debugger_words(block)

    @cached_property
    def debugger_data(self) -> Mapping[str, int] | Absent:
        if isinstance(self.kernel.block, Absent):
            return self.kernel.block
        return {name: word & self.machine.mask for name, word in self.words.items()}

    def missing(self, kind: str) -> Absent:
        return Absent.PAGED_OUT if kind in self.structures else Absent.NOT_CAPTURED

    def variable(self, word: str, size: int = 0) -> int | Absent:
        """The kernel's variable that a word of the debugger data block leads to; `size` 0: a pointer.

        Absent.NOT_APPLICABLE where this Windows has no such variable.
        """
        address = self.words.get(word, 0) & self.machine.mask
        if not address:
            return self.kernel.block if isinstance(self.kernel.block, Absent) else Absent.NOT_APPLICABLE
        value = self.memory.word(address, size or self.machine.pointer)
        return self.unsaved if value is None else value

    @cached_property
    def kernel_base(self) -> int | Absent:
        """Address of the kernel image."""
        if isinstance(self.kernel.block, Absent):
            return self.kernel.block
        return self.words.get("kern_base", 0) & self.machine.mask or Absent.NOT_CAPTURED

    @cached_property
    def build_lab(self) -> str | Absent:
        return build_lab(self.debugger_data, self.memory)

    @cached_property
    def bug_check(self) -> BugCheck | Absent:
        """The five words of KiBugcheckData."""
        address, size = self.words.get("ki_bugcheck_data", 0) & self.machine.mask, self.machine.pointer
        data = self.memory.try_read(address, 5 * size) if address else None
        if data is None:
            return self.unsaved
        code, *parameters = (int.from_bytes(data[at : at + size], "little") for at in range(0, 5 * size, size))
        one, two, three, four = parameters
        return BugCheck(code & 0xFFFFFFFF, (one, two, three, four))

    @cached_property
    def processors(self) -> Sequence[ProcessorState] | Absent:
        crashed = None if self.crashed is None else self.crashed.state.number
        found = self._processors
        if isinstance(found, Absent):
            return found
        return tuple(state._replace(crashed=state.number == crashed) for state in found)

    @cached_property
    def _processors(self) -> Sequence[ProcessorState] | Absent:
        total, nobody = self.system.processors, Absent.NOT_CAPTURED
        return read_processors(self.machine, self.offsets, self.memory, total, nobody)

    @cached_property
    def crashed(self) -> Crashed | None:
        """The processor that stopped the machine, and how that is known; None where none can be read."""
        processors = present(self._processors) or ()
        return crashed_processor(processors, self.header_context, self.bug_check, self.memory, self.offsets)

    @cached_property
    def threads(self) -> Sequence[ThreadState]:
        """The threads that processors were running, and those of the crash's process: the first 1,024 of its list."""
        found = self._threads
        others = () if isinstance(found, Absent) else found[0][:_MOST_THREADS]
        return tuple(threads_at(self.machine, self.offsets, self.memory, present(self.processors) or (), others))

    def thread_at(self, address: int) -> ThreadState | None:
        """The thread whose ETHREAD lies at `address`, of whatever process."""
        running = [state for state in present(self.processors) or () if state.thread == address]
        return next(threads_at(self.machine, self.offsets, self.memory, running, [address]), None)

    @cached_property
    def _threads(self) -> tuple[tuple[int, ...], Walked] | Absent:
        process = self.structures.get("EPROCESS")
        if process is None or isinstance(process.address, Absent):
            return Absent.NOT_CAPTURED
        return walk_threads(self.memory, self.machine, self.offsets, process.address)

    @property
    def thread_walk(self) -> Walked | Absent:
        """How the walk along the threads of the crash's process went; Absent where there was no list."""
        return self._threads if isinstance(self._threads, Absent) else self._threads[1]

    @cached_property
    def structures(self) -> Mapping[str, Structure]:
        found = dict[str, Structure]()
        if self.crashed is not None:
            self._add_structure(found, "KPRCB", self.crashed.state.prcb)
            self._add_structure(found, "ETHREAD", self.crashed.state.thread)
        if "ETHREAD" in found:
            self._add_structure(found, "EPROCESS", self._process_of(found["ETHREAD"]))
        if not isinstance(self.kernel.block, Absent):
            kind = "KDDEBUGGER_DATA64"
            found[kind] = Structure(kind, self.kernel.block, self.kernel.block_address)
        return found

    def _add_structure(self, found: dict[str, Structure], kind: str, address: int | Absent) -> None:
        size = self.offsets.size(kind)
        if size is None or isinstance(address, Absent) or address < self.machine.kernel_start:
            return
        data = self.memory.read_some(address, size)
        if data:
            found[kind] = Structure(kind, memoryview(data), address)

    def _process_of(self, thread: Structure) -> int | Absent:
        offset, size = self.offsets.offset("ETHREAD", "apc_process"), self.machine.pointer
        if offset is None or offset + size > len(thread.data):
            return Absent.UNSUPPORTED
        return int.from_bytes(thread.data[offset : offset + size], "little")

    @cached_property
    def stack(self) -> StackWindow | Absent:
        start = self._stack_pointer
        if isinstance(start, Absent):
            return start
        data = stack_bytes(self.memory, start, self.thread, self.processor)
        if not data:
            return self.unsaved
        return StackWindow(start, memoryview(data), self.stack_cut(start, start + len(data)))

    @property
    def _stack_pointer(self) -> int | Absent:
        # Where Windows stopped, not where the failure was: that lies further out on the same stack.
        frozen = Absent.NOT_CAPTURED if self.crashed is None else self.crashed.state.registers
        registers = self.header_context if isinstance(frozen, Absent) else frozen
        return registers if isinstance(registers, Absent) else registers.sp

    @cached_property
    def _modules(self) -> tuple[list[Module], Walked | Absent]:
        head = self.words.get("ps_loaded_module_list", 0) & self.machine.mask or self.kernel.module_list
        if isinstance(head, Absent) or not self.machine.supported:
            return [], head if isinstance(head, Absent) else Absent.UNSUPPORTED
        return modules_in_memory(self.memory, self.machine, head)

    @cached_property
    def modules(self) -> ModuleList:
        return ModuleList(self._modules[0])

    @property
    def module_walk(self) -> Walked | Absent:
        """How the walk along the list of modules went; Absent where there was no list to walk along."""
        return self._modules[1]

    @cached_property
    def _processes(self) -> tuple[tuple[int, ...], Walked] | Absent:
        head = self.words.get("ps_active_process_head", 0) & self.machine.mask
        return walk_processes(self.memory, self.machine, self.offsets, head) if head else Absent.NOT_CAPTURED

    @cached_property
    def processes(self) -> Sequence[Process] | Absent:
        """All processes, in the order of PsActiveProcessHead."""
        found = self._processes
        if isinstance(found, Absent):
            return found
        return tuple(read_processes(self.memory, self.machine, self.offsets, found[0]))

    @property
    def process_walk(self) -> Walked | Absent:
        """How the walk along the list of processes went; Absent where there was no list to walk along."""
        return self._processes if isinstance(self._processes, Absent) else self._processes[1]

    @cached_property
    def unloaded_modules(self) -> Sequence[UnloadedModule] | Absent:
        if isinstance(self.kernel.block, Absent):
            return self.kernel.block
        return unloaded_in_memory(self.memory, self.machine, self.words)

    @cached_property
    def memory_manager(self) -> Mapping[str, int] | Absent:
        return counters_in_memory(self.memory, self.machine, self.words)

    @cached_property
    def data_blocks(self) -> Sequence[DataBlock]:
        """The ranges that components of the kernel named for small dumps, as far as they can be read."""
        return tuple(triage_ranges(self.memory, self.machine, self.words, self.kernel.place))

    @cached_property
    def data_page(self) -> DataBlock | Absent:
        return Absent.NOT_APPLICABLE

    @cached_property
    def requests(self) -> Sequence[RequestedRange]:
        return read_requests(self.blobs)

    @cached_property
    def absences(self) -> Mapping[str, Absent]:
        lost = self.module_walk
        return {"modules": lost} if isinstance(lost, Absent) else {} if self.modules else {"modules": self.unsaved}
