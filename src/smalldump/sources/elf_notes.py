"""Processors out of the notes of an ELF core: QEMU's and VirtualBox's for x86 and x64, QEMU's for ARM64."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from smalldump.layout.elf import DbgfCoreCpu, NoteHeader, PrStatusArm64, QemuCpuState
from smalldump.model.absent import Absent
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.model.records import Registers
from smalldump.sources.physical_memory import CpuState

__all__ = ["cpu_states", "is_arm64", "machine_told"]

_MOST_CPUS = 4096
_QEMU, _VIRTUALBOX, _CORE = b"QEMU", b"VBCPU", b"CORE"
_PRSTATUS = 1
_PAGING = 1 << 31  # of CR0
_X64 = "rax rbx rcx rdx rsi rdi rip rsp rbp r8 r9 r10 r11 r12 r13 r14 r15 cs ss ds es fs gs"
_X86 = "rax rbx rcx rdx rsi rdi rip rsp rbp cs ss ds es fs gs"


def cpu_states(machine: Machine, notes: Sequence[bytes]) -> Iterator[CpuState]:
    """The processors that notes tell of, in their order; notes that make no sense are passed over."""
    number = 0
    for name, kind, description in (each for data in notes for each in _notes(data)):
        state = _state(machine, number, name, kind, description)
        if state is not None and number < _MOST_CPUS:
            yield state
            number += 1


def is_arm64(notes: Sequence[bytes]) -> bool:
    """Whether there is the state of a processor of ARM64, which is told by its size."""
    found = (each for data in notes for each in _notes(data))
    return any(name == _CORE and kind == _PRSTATUS and len(data) == PrStatusArm64.SIZE for name, kind, data in found)


def machine_told(notes: Sequence[bytes], named: Machine) -> Machine | Absent:
    """Which machine QEMU's processors are; Absent where none of them translates addresses: it tells nothing.

    QEMU 7.2 names a guest that was just reset x86, whatever ran before, and in a kdump one of 32 bits x86_64 (seen).

    Args:
        named: What the file says: x86 or x64.
    """
    states = [state for data in notes for name, _, found in _notes(data) if (state := _qemu_state(name, found))]
    if not states:
        return named
    if not any(state.cr[0] & _PAGING for state in states):
        return Absent.NOT_CAPTURED
    wide = any((state.idt_base | state.gdt_base | state.gs_base | state.rip | state.rsp) >> 32 for state in states)
    return X64 if named is X64 and wide else X86


def _qemu_state(name: bytes, data: bytes) -> QemuCpuState | None:
    return QemuCpuState(data) if name == _QEMU and len(data) >= QemuCpuState.SIZE else None


def _notes(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    position = 0
    while position + NoteHeader.SIZE <= len(data):
        head = NoteHeader(data, position)
        name_at = position + head.SIZE
        at = name_at + (head.namesz + 3 & ~3)
        position = at + (head.descsz + 3 & ~3)
        if at + head.descsz > len(data):
            return
        yield data[name_at : name_at + head.namesz].rstrip(b"\0"), head.type, data[at : at + head.descsz]


def _state(machine: Machine, number: int, name: bytes, kind: int, data: bytes) -> CpuState | None:
    if machine is ARM64:
        known = name == _CORE and kind == _PRSTATUS and len(data) >= PrStatusArm64.SIZE
        return _arm64(number, PrStatusArm64(data)) if known else None
    state = _qemu_state(name, data)
    if state is not None:
        return _qemu(machine, number, data)
    if name == _VIRTUALBOX and len(data) >= DbgfCoreCpu.SIZE:
        return _virtualbox(machine, number, DbgfCoreCpu(data))
    return None


def _qemu(machine: Machine, number: int, data: bytes) -> CpuState:
    state = QemuCpuState(data)
    kernel_gs = struct.unpack_from("<Q", data, state.SIZE)[0] if len(data) >= state.SIZE + 8 <= state.size else None
    return CpuState(
        number,
        _registers(machine, state, "QEMU's note"),
        cr0=state.cr[0],
        cr2=state.cr[2],
        cr3=state.cr[3],
        cr4=state.cr[4],
        fs_base=state.fs_base,
        gs_base=state.gs_base,
        kernel_gs_base=Absent.NOT_CAPTURED if kernel_gs is None else kernel_gs,
        gdt=state.gdt_base,
        idt=state.idt_base,
        tss=state.tr_base,
    )


def _virtualbox(machine: Machine, number: int, state: DbgfCoreCpu) -> CpuState:
    return CpuState(
        number,
        _registers(machine, state, "VirtualBox's note"),
        cr0=state.cr0,
        cr2=state.cr2,
        cr3=state.cr3,
        cr4=state.cr4,
        fs_base=state.fs_base,
        gs_base=state.gs_base,
        kernel_gs_base=state.kernel_gs_base,
        gdt=state.gdt_base,
        idt=state.idt_base,
        tss=state.tr_base,
    )


def _registers(machine: Machine, state: QemuCpuState | DbgfCoreCpu, source: str) -> Registers:
    if machine is X86:
        narrow = {name.replace("r", "e", 1) if name[0] == "r" else name: name for name in _X86.split()}
        values = {name: getattr(state, field) & X86.mask for name, field in narrow.items()}
    else:
        values = {name: getattr(state, name) for name in _X64.split()}
    return Registers(machine, values | {"efl": state.rflags & 0xFFFFFFFF}, source)


def _arm64(number: int, status: PrStatusArm64) -> CpuState:
    names = (*(f"x{index}" for index in range(29)), "fp", "lr")
    values = dict(zip(names, status.x, strict=True))
    values |= {"sp": status.sp, "pc": status.pc, "cpsr": status.pstate & 0xFFFFFFFF}
    return CpuState(number, Registers(ARM64, values, "QEMU's note"))
