"""The other processors and the threads of a dump: where dbgeng saved their PRCBs, contexts, ETHREADs and stacks.

Dumps that dbgeng writes of Windows 10 and later hold the array KiProcessorBlock, each processor's KPRCB, the CONTEXT
in which it was frozen and its stack from there on; heads of ETHREADs, sometimes with a piece of their stacks, lie in
the blocks around values of registers and stacks. Source: format reference §3.8, read in 21 real dumps.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from smalldump.layout.structures import StructureOffsets
from smalldump.memory import AddressSpace, Overlay
from smalldump.model.absent import Absent
from smalldump.model.execution import ProcessorState, ThreadState
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.model.records import Registers, StackWindow, Structure
from smalldump.sources.kernel_objects import StructureReader, read_thread
from smalldump.sources.register_sets import CONTEXT_SIZES, context_registers

__all__ = ["read_processors", "read_threads", "stack_from", "threads_at"]

_MOST_PROCESSORS = 2048
_MOST_THREADS = 1024
_SEARCHED = 64 << 20  # bytes; blocks may show the same bytes of a file at many addresses
_LARGEST_THREAD = 0x1000
_LONGEST_STACK = 0x20000
_MOST_STACK_BYTES = 32 << 20  # of all processors, or threads; hostile tables show one stack at many addresses
_THREAD_TYPES = re.compile(b"[\x06\x86]")  # the highest bit is a flag
"""KOBJECTS: ThreadObject, in the first byte of a DISPATCHER_HEADER (the highest bit marks a lock)."""
_RUNNING, _LAST_STATE = 2, 9
"""KTHREAD_STATE: Running, and the highest one (WaitingForProcessInSwap)."""

# Of a thread that waits, KernelStack leads to what SwapContext left: frame pointer and return address at these offsets,
# and the stack pointer after the return. Source: KSWITCH_FRAME in the public types of ntkrnlmp.pdb (x64, x86); ARM64:
# observed in two threads of build 22000.
_SWITCH_FRAMES = {X64: (0x30, 0x38, 0x40), X86: (None, 0x08, 0x0C), ARM64: (0x50, 0x58, 0x60)}


def read_processors(
    machine: Machine, offsets: StructureOffsets, memory: AddressSpace, total: int | Absent, crashed: int | Absent
) -> Sequence[ProcessorState] | Absent:
    """All processors by number, where KiProcessorBlock is in the dump.

    Args:
        total: Number of processors.
        crashed: Number of the one that stopped the machine.
    """
    array = offsets.words.get("ki_processor_block", 0) & machine.mask
    if not machine.supported or isinstance(total, Absent):
        return Absent.UNSUPPORTED
    size = machine.pointer
    data = memory.read_some(array, min(total, _MOST_PROCESSORS) * size) if array else b""
    pointers = struct.unpack_from(f"<{len(data) // size}{'Q' if size == 8 else 'I'}", data)
    if not any(pointers):
        return Absent.NOT_CAPTURED
    reader, numbers = _Processors(machine, offsets, memory), dict[int, int]()
    for number, prcb in enumerate(pointers):
        numbers.setdefault(prcb, number)  # no two processors share a KPRCB
    return tuple(reader.state(number, prcb, number == crashed) for prcb, number in numbers.items() if prcb)


class _Processors:
    def __init__(self, machine: Machine, offsets: StructureOffsets, memory: AddressSpace) -> None:
        self.machine, self.offsets, self.memory = machine, offsets, memory
        self.left = _MOST_STACK_BYTES

    def state(self, number: int, prcb: int, crashed: bool) -> ProcessorState:
        thread, idle = self._pointer(prcb, "current"), self._pointer(prcb, "idle")
        known = not isinstance(thread, Absent) and not isinstance(idle, Absent)
        registers = self._registers(prcb, number)
        stack = registers if isinstance(registers, Absent) else self._stack(registers, thread)
        is_idle = thread == idle if known else Absent.NOT_CAPTURED
        return ProcessorState(number, crashed, prcb, thread, is_idle, registers, stack)

    def _stack(self, registers: Registers, thread: int | Absent) -> StackWindow | Absent:
        found = stack_from(self.memory, registers, self._base(thread)) if self.left > 0 else Absent.NOT_CAPTURED
        self.left -= 0 if isinstance(found, Absent) else len(found.data)
        return found

    def _base(self, thread: int | Absent) -> int | Absent:
        return thread if isinstance(thread, Absent) else self._pointer(thread, "base", "ETHREAD")

    def _pointer(self, address: int, field: str, kind: str = "KPRCB") -> int | Absent:
        offset = self.offsets.offset(kind, field)
        if offset is None:
            return Absent.UNSUPPORTED
        value = self.memory.word(address + offset, self.machine.pointer)
        return Absent.NOT_CAPTURED if value is None else value

    def _registers(self, prcb: int, number: int) -> Registers | Absent:
        address = self._context(prcb)
        if isinstance(address, Absent) or not address:
            return address or Absent.NOT_CAPTURED
        data = self.memory.try_read(address, CONTEXT_SIZES[self.machine])
        if data is None:
            return Absent.NOT_CAPTURED
        return context_registers(self.machine, data, f"PRCB.Context of processor {number}", address)

    def _context(self, prcb: int) -> int | Absent:
        # Before Windows 7 there is no pointer to a CONTEXT, but one in the KPRCB itself.
        if self.offsets.offset("KPRCB", "frozen") is not None:
            return self._pointer(prcb, "frozen")
        offset = self.offsets.offset("KPRCB", "context")
        return Absent.UNSUPPORTED if offset is None else prcb + offset


def stack_from(memory: AddressSpace, registers: Registers, base: int | Absent) -> StackWindow | Absent:
    """The stack from the stack pointer on, up to its base or the first gap."""
    start, limit = registers.sp, _LONGEST_STACK
    if not isinstance(base, Absent):
        if start < base <= start + limit:
            limit = base - start
        else:
            base = Absent.NOT_APPLICABLE  # another stack is in use
    data = memory.read_some(start, limit)
    if not data:
        return Absent.NOT_CAPTURED
    return StackWindow(start, memoryview(data), base if isinstance(base, Absent) else base - start - len(data))


def read_threads(
    machine: Machine, offsets: StructureOffsets, memory: Overlay, processors: Iterable[ProcessorState]
) -> Iterator[ThreadState]:
    """The threads whose ETHREAD begins in the dump, by address."""
    yield from threads_at(machine, offsets, memory, processors, islice(_threads_in(machine, memory), _MOST_THREADS))


def threads_at(
    machine: Machine,
    offsets: StructureOffsets,
    memory: AddressSpace,
    processors: Iterable[ProcessorState],
    others: Iterable[int] = (),
) -> Iterator[ThreadState]:
    """The threads that processors were running, and those at `others`, by address."""
    running = {state.thread: state for state in processors if not isinstance(state.thread, Absent)}
    left = _MOST_STACK_BYTES
    for address in sorted({*running, *others}):
        data = memory.read_some(address, _LARGEST_THREAD)
        structure = Structure("ETHREAD", memoryview(data), address)
        state = _thread(StructureReader(machine, offsets, structure), memory, running.get(address))
        left -= 0 if isinstance(state.stack, Absent) else len(state.stack.data)
        if data and left >= 0 and (isinstance(state.thread.state, Absent) or state.thread.state <= _LAST_STATE):
            yield state


# A thread is a dispatcher object of type 6 whose list of waiters is empty: a list head that points at itself.
def _threads_in(machine: Machine, memory: Overlay) -> Iterator[int]:
    size, left = machine.pointer, _SEARCHED
    for start, end, segment in memory.pieces():
        data = segment.data[start - segment.address : end - segment.address][:left]
        left -= len(data)
        first = -start % 16
        for found in _THREAD_TYPES.finditer(bytes(data[first : max(len(data) - 3 * size, 0) : 16])):
            at = first + 16 * found.start()
            if _is_empty_list(data, at + size, start + at + size & machine.mask, size):
                yield start + at


def _is_empty_list(data: memoryview, at: int, address: int, size: int) -> bool:
    return data[at : at + 2 * size] == address.to_bytes(size, "little") * 2


def _thread(reader: StructureReader, memory: AddressSpace, running: ProcessorState | None) -> ThreadState:
    thread = read_thread(reader)
    if running is not None:
        return ThreadState(thread, running.number, running.registers, running.stack)
    waits = thread.state != _RUNNING
    registers = _switched_out(reader.machine, thread.kernel_stack, memory) if waits else Absent.NOT_CAPTURED
    stack = registers if isinstance(registers, Absent) else stack_from(memory, registers, thread.stack_base)
    return ThreadState(thread, None, registers, stack)


def _switched_out(machine: Machine, kernel_stack: int | Absent, memory: AddressSpace) -> Registers | Absent:
    if isinstance(kernel_stack, Absent) or not kernel_stack:
        return kernel_stack or Absent.NOT_APPLICABLE
    fp_at, pc_at, size = _SWITCH_FRAMES[machine]
    pc = memory.word(kernel_stack + pc_at, machine.pointer)
    if pc is None:
        return Absent.NOT_CAPTURED
    if pc < machine.kernel_start:
        return Absent.CORRUPT
    values = {machine.pc: pc, machine.sp: kernel_stack + size}
    fp = None if fp_at is None else memory.word(kernel_stack + fp_at, machine.pointer)
    return Registers(machine, values if fp is None else values | {machine.fp: fp}, "switch frame", kernel_stack)
