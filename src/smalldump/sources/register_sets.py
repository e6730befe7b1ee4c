"""Registers from CONTEXT records and trap frames, named and ordered as WinDbg shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smalldump.layout.context import ContextArm64, ContextX64, ContextX86, KtrapFrameX64, KtrapFrameX86
from smalldump.layout.dump import FILL
from smalldump.layout.record import Record
from smalldump.model.absent import Absent
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.model.records import Registers

__all__ = ["CONTEXT_SIZES", "context_record", "context_registers", "trap_frame_registers"]

CONTEXT_SIZES = {X64: ContextX64.SIZE, X86: ContextX86.SIZE, ARM64: ContextArm64.SIZE}
"""Bytes of a CONTEXT, without the extended state that may follow it."""

_FILL = int.from_bytes(FILL * 2, "little")  # what a header holds where nothing was written
_KIND_FLAGS = {X64: 0x100000, X86: 0x10000, ARM64: 0x400000}  # of ContextFlags: says whose CONTEXT it is

_X64 = (
    "rax rbx rcx rdx rsi rdi rip rsp rbp r8 r9 r10 r11 r12 r13 r14 r15 cs=seg_cs ss=seg_ss ds=seg_ds es=seg_es "
    "fs=seg_fs gs=seg_gs efl=e_flags dr0 dr1 dr2 dr3 dr6 dr7 mxcsr=mx_csr fpcw=control_word fpsw=status_word "
    "fptw=tag_word debugctl=debug_control"
)
_X86 = (
    "eax ebx ecx edx esi edi eip esp ebp cs=seg_cs ss=seg_ss ds=seg_ds es=seg_es fs=seg_fs gs=seg_gs efl=e_flags "
    "dr0 dr1 dr2 dr3 dr6 dr7 fpcw=control_word fpsw=status_word fptw=tag_word mxcsr=mx_csr"
)
_ARM64 = "fp lr sp pc cpsr fpcr fpsr"
_TRAP_X64 = "rax rcx rdx rip rsp rbp r8 r9 r10 r11 cs=seg_cs ss=seg_ss efl=e_flags mxcsr=mx_csr"
_TRAP_X86 = "eax ebx ecx edx esi edi eip ebp cs=seg_cs efl=e_flags"


def context_registers(
    machine: Machine, data: memoryview | bytes, source: str, address: int | None = None
) -> Registers | Absent:
    """The registers of a CONTEXT; Absent.CORRUPT where the bytes are too few or are none of this machine.

    A CONTEXT that was never written (header fill) is Absent.NOT_CAPTURED.
    """
    if not machine.supported:
        return Absent.UNSUPPORTED
    if len(data) < CONTEXT_SIZES[machine]:
        return Absent.CORRUPT
    values, vectors = _READERS[machine](data)
    flags = values.pop("context_flags")
    if flags == _FILL & 0xFFFFFFFF or values[machine.pc] == _FILL & machine.mask:
        return Absent.NOT_CAPTURED
    if not flags & _KIND_FLAGS[machine] or not values[machine.pc]:
        return Absent.CORRUPT
    return Registers(machine, values, source, address, vectors)


def trap_frame_registers(machine: Machine, data: memoryview | bytes, source: str, address: int) -> Registers | Absent:
    """The registers of a KTRAP_FRAME at `address`; those that it does not save are not in the set."""
    if machine is X64 and len(data) >= KtrapFrameX64.SIZE:
        frame = KtrapFrameX64(data)
        xmm = _pairs("xmm", frame.xmm_registers)
        return Registers(machine, _named(frame, _TRAP_X64), source, address, xmm)
    if machine is X86 and len(data) >= KtrapFrameX86.SIZE:
        return Registers(machine, _x86_trap_values(KtrapFrameX86(data), address), source, address)
    return Absent.UNSUPPORTED if machine is ARM64 else Absent.CORRUPT


def _x86_trap_values(frame: KtrapFrameX86, address: int) -> dict[str, int]:
    values = _named(frame, _TRAP_X86)
    if frame.seg_cs & 1:
        return values | {"esp": frame.hardware_esp, "ss": frame.hardware_seg_ss}
    # A trap within the kernel pushes no stack pointer: the stack goes on right behind EFlags.
    return values | {"esp": (address + KtrapFrameX86.hardware_esp.offset) & X86.mask}


def _x64(data: memoryview | bytes) -> tuple[dict[str, int], dict[str, int]]:
    context = ContextX64(data)
    vectors = _pairs("xmm", context.xmm_registers) | _x87(context.float_registers)
    return _named(context, _X64) | {"context_flags": context.context_flags}, vectors


def _x86(data: memoryview | bytes) -> tuple[dict[str, int], dict[str, int]]:
    context = ContextX86(data)
    area = context.register_area
    x87 = {f"st{i}": int.from_bytes(area[10 * i : 10 * i + 10], "little") for i in range(8)}
    return _named(context, _X86) | {"context_flags": context.context_flags}, _pairs("xmm", context.xmm_registers) | x87


def _arm64(data: memoryview | bytes) -> tuple[dict[str, int], dict[str, int]]:
    context = ContextArm64(data)
    values = {f"x{index}": value for index, value in enumerate(context.x)}
    values |= _named(context, f"{_ARM64} context_flags")
    for name in ("bcr", "bvr", "wcr", "wvr"):
        values |= {f"{name}{index}": value for index, value in enumerate(getattr(context, name))}
    return values, _pairs("v", context.v)


def _named(record: Record, names: str) -> dict[str, int]:
    # "cs=seg_cs": WinDbg's name, then the field's; the same word where they agree.
    found = {}
    for name in names.split():
        shown, _, field = name.partition("=")
        found[shown] = getattr(record, field or shown)
    return found


def _pairs(prefix: str, halves: tuple[int, ...]) -> dict[str, int]:
    return {f"{prefix}{i}": halves[2 * i] | halves[2 * i + 1] << 64 for i in range(len(halves) // 2)}


def _x87(halves: tuple[int, ...]) -> dict[str, int]:
    return {name: value & (1 << 80) - 1 for name, value in _pairs("st", halves).items()}


_READERS = {X64: _x64, X86: _x86, ARM64: _arm64}


_KINDS: Mapping[Machine, tuple[type[Record], str]] = {
    X64: (ContextX64, _X64),
    X86: (ContextX86, _X86),
    ARM64: (ContextArm64, _ARM64),
}
# ContextFlags: all parts are valid, or only control, integer and segment registers.
_WHOLE = {X64: 0x10001F, X86: 0x1007F, ARM64: 0x40001F}
_CORE = {X64: 0x100007, X86: 0x10007, ARM64: 0x400003}
_NUMBERED = {"x": 29, "bcr": 8, "bvr": 8, "wcr": 2, "wvr": 2}


def context_record(
    machine: Machine, values: Mapping[str, int], vectors: Mapping[str, int], *, whole: bool = True
) -> bytes:
    """A CONTEXT with registers under the names that `context_registers` gives them; those not named are 0.

    Args:
        whole: Whether its flags say that all parts are valid, or only control, integer and segment registers.
    """
    kind, names = _KINDS[machine]
    pairs = (name.partition("=") for name in names.split())
    fields: dict[str, Any] = {field or shown: values[shown] for shown, _, field in pairs if shown in values}
    if machine is ARM64:
        for name, count in _NUMBERED.items():
            fields[name] = tuple(values.get(f"{name}{index}", 0) for index in range(count))
        fields["v"] = _halves(vectors, "v", 32)
    else:
        fields["xmm_registers"] = _halves(vectors, "xmm", 16 if machine is X64 else 8)
    if machine is X64:
        fields["float_registers"] = _halves(vectors, "st", 8)
    if machine is X86:
        fields["register_area"] = b"".join(vectors.get(f"st{i}", 0).to_bytes(10, "little") for i in range(8))
    return bytes(kind.build(context_flags=(_WHOLE if whole else _CORE)[machine], **fields))


def _halves(vectors: Mapping[str, int], prefix: str, count: int) -> tuple[int, ...]:
    whole = [vectors.get(f"{prefix}{index}", 0) for index in range(count)]
    return tuple(half for value in whole for half in (value & (1 << 64) - 1, value >> 64))
