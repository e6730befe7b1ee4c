"""The call of KeBugCheckEx on a stack, where no registers were saved: its arguments lie behind its return address."""

from __future__ import annotations

import struct
from contextlib import suppress

from smalldump.errors import SmallDumpError
from smalldump.images.pe import PeImage
from smalldump.layout.structures import StructureOffsets
from smalldump.memory import AddressSpace
from smalldump.model.absent import Absent
from smalldump.model.execution import ProcessorState
from smalldump.model.machine import X64, X86
from smalldump.model.records import BugCheck, Registers

__all__ = ["called_at", "entry_registers"]

_LARGEST_STACK = 0x20000
_NAMES = {X64: ("rcx", "rdx", "r8", "r9"), X86: ()}


def called_at(
    state: ProcessorState, stop: BugCheck, memory: AddressSpace, offsets: StructureOffsets, pointer: int
) -> int | None:
    """The stack pointer on entry to KeBugCheckEx, if the stack of the processor's thread shows its arguments.

    x64 callees may keep register arguments in the four words behind the return address, and KeBugCheckEx does so;
    on x86 all arguments lie there. Of several places the innermost counts: later copies lie further out.
    """
    base, limit = offsets.offset("ETHREAD", "base"), offsets.offset("ETHREAD", "limit")
    if isinstance(state.thread, Absent) or base is None or limit is None or not stop.code:
        return None
    top, low = (memory.word(state.thread + offset, pointer) or 0 for offset in (base, limit))
    low = max(low, top - _LARGEST_STACK)
    data = memory.read_some(low, top - low) if low < top else b""
    code = "Q" if pointer == 8 else "I"
    wanted = struct.pack(f"<3{code}", stop.code, *stop.parameters[:2])
    at = data.find(wanted)
    while at >= 0 and at % pointer:
        at = data.find(wanted, at + 1)
    return low + at - pointer if at >= pointer else None


def entry_registers(
    memory: AddressSpace, offsets: StructureOffsets, stop: BugCheck, pointer: int, kernel: int
) -> Registers | None:
    """The registers on entry to KeBugCheckEx with the stack pointer `pointer`, as far as the call tells them.

    Args:
        kernel: Base of the kernel's image, whose exports tell where KeBugCheckEx is.
    """
    machine = next((each for each in (X64, X86) if each.image_type == offsets.machine), None)
    if machine is None:
        return None
    with suppress(SmallDumpError):
        image = PeImage.in_memory(memory, kernel)
        entry = next((each.rva for each in image.exports if each.name == "KeBugCheckEx" and each.rva), None)
        if entry is not None:
            arguments = zip(_NAMES[machine], (stop.code, *stop.parameters), strict=False)
            values = {machine.pc: kernel + entry, machine.sp: pointer, **dict(arguments)}
            return Registers(machine, values, "the call of KeBugCheckEx on the stack")
    return None
