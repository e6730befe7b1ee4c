"""The three register sets: the header's, the PRCB's, and those of the code that failed."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.layout.context import KtrapFrameX64, KtrapFrameX86
from smalldump.memory import AddressSpace
from smalldump.model.absent import Absent
from smalldump.model.machine import X64, X86, Machine
from smalldump.model.records import BugCheck, Registers, StackWindow
from smalldump.sources.kernel_objects import StructureReader
from smalldump.sources.register_sets import CONTEXT_SIZES, context_registers, trap_frame_registers

__all__ = ["crash_registers", "prcb_registers"]

# Bug checks with a parameter (1 to 4) that points to the registers of the failure. Source: architecture of the
# bug checks as Microsoft documents it; format reference §2.6.
_CONTEXT_PARAMETER = {0x7E: 4, 0x3B: 3, 0x24: 3, 0x1AA: 3}
_TRAP_FRAME_PARAMETER = {0x8E: 3, 0x139: 2}
# Bug checks with a parameter that is the failing instruction: its trap frame lies on the saved stack.
_INSTRUCTION_PARAMETER = {0x50: 3, 0x0A: 4, 0xD1: 4, 0x1E: 2, 0xCE: 3, 0xD5: 3, 0xD6: 3, 0xC5: 4}

_KERNEL_CS = {X64: 0x10, X86: 0x08}
_KERNEL_SS = (0, 0x18)
_SEARCHED = 0x20000  # bytes of stack; kernel stacks are no longer than 0x12000


def prcb_registers(reader: StructureReader, memory: AddressSpace) -> Registers | Absent:
    """The registers that the PRCB leads to: its frozen CONTEXT (Windows 7 and later), else its ProcessorState.

    Absent.NOT_CAPTURED where the PRCB points to a CONTEXT that is not in the dump.
    """
    machine = reader.machine
    if not machine.supported:
        return Absent.UNSUPPORTED
    if reader.offsets.offset("KPRCB", "frozen") is None:
        return _processor_state(reader)
    address = _frozen_context(reader, memory)
    if not address:
        return Absent.NOT_CAPTURED
    data = memory.try_read(address, CONTEXT_SIZES[machine])
    return Absent.NOT_CAPTURED if data is None else context_registers(machine, data, "PRCB.Context", address)


def _frozen_context(reader: StructureReader, memory: AddressSpace) -> int | None:
    # A shortened KPRCB ends before the pointer, which then has a data block of its own.
    address, offset = reader.pointer("frozen"), reader.offsets.offset("KPRCB", "frozen")
    if not isinstance(address, Absent):
        return address
    if offset is None or isinstance(reader.structure.address, Absent):
        return None
    return memory.word(reader.structure.address + offset, reader.machine.pointer)


def _processor_state(reader: StructureReader) -> Registers | Absent:
    offset = reader.offsets.offset("KPRCB", "context")
    if offset is None:
        return Absent.UNSUPPORTED
    return context_registers(reader.machine, reader.structure.data[offset:], "PRCB.ProcessorState")


def crash_registers(
    bug_check: BugCheck, memory: AddressSpace, stack: StackWindow | Absent, header: Registers | Absent
) -> Registers | Absent:
    """The registers of the code that failed: by the bug check's CONTEXT or trap frame, else the header's."""
    if isinstance(header, Absent):
        return header
    machine = header.machine
    found = _from_parameters(bug_check, memory, machine)
    if found is None and not isinstance(stack, Absent):
        found = _from_stack(bug_check, machine, stack)
    return header if found is None else found


def _from_parameters(bug_check: BugCheck, memory: AddressSpace, machine: Machine) -> Registers | None:
    number = _CONTEXT_PARAMETER.get(bug_check.code)
    if number:
        address = bug_check.parameters[number - 1]
        data = memory.try_read(address, CONTEXT_SIZES[machine])
        source = f"CONTEXT of parameter {number}"
        return _kernel_code(context_registers(machine, data or b"", source, address))
    number = _TRAP_FRAME_PARAMETER.get(bug_check.code)
    if number:
        address = bug_check.parameters[number - 1]
        data = memory.try_read(address, KtrapFrameX64.SIZE if machine is X64 else KtrapFrameX86.SIZE)
        return _kernel_code(trap_frame_registers(machine, data or b"", f"trap frame of parameter {number}", address))
    return None


def _from_stack(bug_check: BugCheck, machine: Machine, stack: StackWindow) -> Registers | None:
    number = _INSTRUCTION_PARAMETER.get(bug_check.code)
    if not number or machine not in _KERNEL_CS:
        return None
    instruction = bug_check.parameters[number - 1]
    if instruction < machine.kernel_start:
        return None
    frames = list(_trap_frames_at(machine, stack, instruction))
    if len(frames) != 1:  # none, or copies between which the dump cannot decide
        return None
    address = stack.start + frames[0]
    data = stack.data[frames[0] :]
    return _kernel_code(trap_frame_registers(machine, data, f"trap frame at parameter {number}", address))


def _trap_frames_at(machine: Machine, stack: StackWindow, instruction: int) -> Iterator[int]:
    # What the processor pushed begins with the program counter and SegCs; the frame begins before it.
    kind, place = (
        (KtrapFrameX64, KtrapFrameX64.rip.offset) if machine is X64 else (KtrapFrameX86, KtrapFrameX86.eip.offset)
    )
    data, wanted = bytes(stack.data[:_SEARCHED]), instruction.to_bytes(machine.pointer, "little")
    found = data.find(wanted)
    while found >= 0:
        start = found - place
        if start >= 0 and start + kind.SIZE <= len(data) and _is_kernel_trap(machine, kind(data, start)):
            yield start
        found = data.find(wanted, found + 1)


def _is_kernel_trap(machine: Machine, frame: KtrapFrameX64 | KtrapFrameX86) -> bool:
    if frame.seg_cs != _KERNEL_CS[machine] or not frame.e_flags & 0x2:  # bit 1 of EFlags is always set
        return False
    if isinstance(frame, KtrapFrameX86):
        return frame.e_flags < 1 << 22
    return frame.seg_ss in _KERNEL_SS and frame.rsp >= X64.kernel_start


def _kernel_code(registers: Registers | Absent) -> Registers | None:
    # A wild jump leaves no kernel address in the program counter, but its stack pointer is still the kernel's.
    if isinstance(registers, Absent) or registers.values.get(registers.machine.sp, 0) < registers.machine.kernel_start:
        return None
    return registers
