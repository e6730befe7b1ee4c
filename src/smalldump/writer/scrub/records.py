"""Scrubbing of register sets: CONTEXT, KTRAP_FRAME and EXCEPTION_RECORD, built anew from the registers that may stay.

Program counter, stack pointer, flags and segments are always kept. General registers are values, and values can be
data: they stay only as `Landmarks.register` allows. Vector, floating point and debug registers never stay, and
ContextFlags says so.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from smalldump.layout.context import (
    ContextArm64,
    ContextX64,
    ContextX86,
    ExceptionRecord32,
    ExceptionRecord64,
    KtrapFrameX64,
    KtrapFrameX86,
)
from smalldump.layout.record import Record
from smalldump.model.machine import ARM64, X64, X86
from smalldump.writer.scrub.values import Landmarks, small

__all__ = [
    "CONTEXTS",
    "RegisterSet",
    "found_trap_frame",
    "is_context",
    "is_exception_record",
    "scrubbed_context",
    "scrubbed_exception",
    "scrubbed_trap_frame",
    "trap_frame_size",
]

CONTEXTS: dict[object, type[ContextX64 | ContextX86 | ContextArm64]] = {
    X64: ContextX64,
    X86: ContextX86,
    ARM64: ContextArm64,
}
"""The CONTEXT of each architecture."""

_KIND = {X64: 0x100000, X86: 0x10000, ARM64: 0x400000}  # of ContextFlags: whose CONTEXT it is
_KIND_MASK = 0x07FFFF00
_PARTS = {X64: 0x7, X86: 0x7, ARM64: 0x3}  # control, integer and (x86, x64) segment registers
_KERNEL_CS = {X64: 0x10, X86: 0x08}
_KERNEL_SS = (0, 0x18)
_USER_CS, _USER_SS = {X64: 0x33, X86: 0x1B}, 0x2B
_FLAGS_FIXED, _FLAGS_SET = 0xFFC0802A, 0x2  # of EFLAGS
_MX_CSR, _MASKED = 0xFFFF, 0x1F80  # of MxCsr: its bits; all exceptions masked, as in kernel code
_DATA_SELECTOR, _SELECTORS = 0x23, (0x34, 0x38)  # SegEs and SegDs of the x86 trap frame
_MOST_PARAMETERS = 15

_GENERAL_X64 = "rax rcx rdx rbx rsi rdi r8 r9 r10 r11 r12 r13 r14 r15"
_GENERAL_X86 = "edi esi ebx edx ecx eax"
_SEGMENTS = "seg_cs seg_ds seg_es seg_fs seg_gs seg_ss"
_TRAP_X64 = "rax rcx rdx r8 r9 r10 r11"
_TRAP_X86 = "edx ecx eax edi esi ebx"


class RegisterSet(NamedTuple):
    """A register set in memory, scrubbed."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """Address behind the last byte."""
        return self.address + len(self.data)


def scrubbed_context(data: bytes | memoryview, landmarks: Landmarks) -> bytes:
    """The CONTEXT without what its registers may not show; nothing where `data` is none of this machine."""
    layout = CONTEXTS[landmarks.machine]
    if len(data) < layout.SIZE:
        return b""
    context = layout(data)
    kind = _KIND[landmarks.machine]
    if not context.context_flags & kind:
        return b""
    values: dict[str, Any] = {"context_flags": context.context_flags & (kind | _PARTS[landmarks.machine])}
    if isinstance(context, ContextArm64):
        return bytes(layout.build(**values, **_arm64(context, landmarks)))
    if isinstance(context, ContextX64):
        masks = {"mx_csr": context.mx_csr & _MX_CSR, "save_mx_csr": context.mx_csr & _MX_CSR}
        values |= masks | _values(context, _GENERAL_X64, landmarks) | {"rbp": landmarks.frame(context.rbp)}
        values |= {"rip": context.rip, "rsp": context.rsp}
    else:
        values |= _values(context, _GENERAL_X86, landmarks) | {"ebp": landmarks.frame(context.ebp)}
        values |= {"eip": context.eip, "esp": context.esp}
    values |= {name: getattr(context, name) & 0xFFFF for name in _SEGMENTS.split()}
    return bytes(layout.build(**values, e_flags=_flags(context.e_flags)))


def _arm64(context: ContextArm64, landmarks: Landmarks) -> dict[str, Any]:
    link = landmarks.without_authentication(context.lr)
    return {
        "cpsr": context.cpsr,
        "x": tuple(landmarks.register(value) for value in context.x),
        "fp": landmarks.frame(context.fp),
        "lr": link if landmarks.code(link) else 0,
        "sp": context.sp,
        "pc": context.pc,
    }


def _values(record: Record, names: str, landmarks: Landmarks) -> dict[str, Any]:
    return {name: landmarks.register(getattr(record, name)) for name in names.split()}


def trap_frame_size(landmarks: Landmarks) -> int:
    """Bytes of a trap frame of kernel code: on x86 it ends before the stack pointer, which was not pushed."""
    return {X64: KtrapFrameX64.SIZE, X86: KtrapFrameX86.hardware_esp.offset}.get(landmarks.machine, 0)


def scrubbed_trap_frame(data: bytes | memoryview, landmarks: Landmarks) -> bytes:
    """The KTRAP_FRAME of kernel code, without what its registers may not show; nothing where `data` is too short."""
    size = trap_frame_size(landmarks)
    if not size or len(data) < size:
        return b""
    if landmarks.machine is X64:
        return _trap_frame_x64(KtrapFrameX64(data), landmarks)
    out = bytearray(_trap_frame_x86(KtrapFrameX86(bytes(data[:size]).ljust(KtrapFrameX86.SIZE, b"\0")), landmarks))
    for offset in _SELECTORS:
        if int.from_bytes(data[offset : offset + 2], "little") == _DATA_SELECTOR:
            out[offset] = _DATA_SELECTOR
    return bytes(out[:size])


def _trap_frame_x64(frame: KtrapFrameX64, landmarks: Landmarks) -> bytes:
    return bytes(
        KtrapFrameX64.build(
            previous_irql=frame.previous_irql & 0xF,
            mx_csr=frame.mx_csr & _MX_CSR,
            **_values(frame, _TRAP_X64, landmarks),
            fault_address=landmarks.fault(frame.fault_address),
            rbp=landmarks.frame(frame.rbp),
            error_code=small(frame.error_code),
            rip=frame.rip,
            seg_cs=frame.seg_cs,
            e_flags=_flags(frame.e_flags),
            rsp=frame.rsp,
            seg_ss=frame.seg_ss,
        )
    )


def _trap_frame_x86(frame: KtrapFrameX86, landmarks: Landmarks) -> bytes:
    return bytes(
        KtrapFrameX86.build(
            **_values(frame, _TRAP_X86, landmarks),
            ebp=landmarks.frame(frame.ebp),
            err_code=small(frame.err_code),
            eip=frame.eip,
            seg_cs=frame.seg_cs & 0xFFFF,
            e_flags=_flags(frame.e_flags),
        )
    )


def scrubbed_exception(data: bytes | memoryview, landmarks: Landmarks) -> bytes:
    """The EXCEPTION_RECORD: code, flags, addresses, and parameters that are addresses of the kernel or small."""
    layout = ExceptionRecord64 if landmarks.machine.bits == 64 else ExceptionRecord32
    if len(data) < layout.SIZE:
        return b""
    record = layout(data)
    count = min(record.number_parameters, _MOST_PARAMETERS)
    parameters = [landmarks.fault(value) for value in record.exception_information[:count]]
    return bytes(
        layout.build(
            exception_code=record.exception_code,
            exception_flags=small(record.exception_flags),
            exception_record=landmarks.kernel(record.exception_record),
            exception_address=record.exception_address,
            number_parameters=count,
            exception_information=(*parameters, *[0] * (_MOST_PARAMETERS - count)),
        )
    )


def is_context(data: bytes | memoryview, landmarks: Landmarks) -> bool:
    """Whether the bytes are a CONTEXT of kernel code, by fields that must fit."""
    layout = CONTEXTS[landmarks.machine]
    if len(data) < layout.SIZE:
        return False
    context = layout(data)
    kind = _KIND[landmarks.machine]
    if context.context_flags & _KIND_MASK != kind:
        return False
    if isinstance(context, ContextArm64):
        return landmarks.stack(context.sp) and landmarks.code(context.pc)
    return context.seg_cs & 0xFFFF == _KERNEL_CS[landmarks.machine] and _flags_fit(context.e_flags)


def found_trap_frame(data: bytes | memoryview, address: int, landmarks: Landmarks) -> bytes:
    """The scrubbed KTRAP_FRAME, if the bytes at `address` are one by fields that must fit; else nothing.

    Of a frame that user-mode code left only segments and flags stay, which show that the kernel's part ends there.
    """
    size = trap_frame_size(landmarks)
    if not size or len(data) < size:
        return b""
    if landmarks.machine is X64:
        x64 = KtrapFrameX64(data)
        if not _flags_fit(x64.e_flags):
            return b""
        if x64.seg_cs == _USER_CS[X64]:
            fits = x64.seg_ss == _USER_SS and max(x64.rip, x64.rsp) < X64.kernel_start
            return _user_frame_x64(x64) if fits else b""
        return scrubbed_trap_frame(data, landmarks) if _is_kernel_frame_x64(x64, address + size, landmarks) else b""
    return _found_x86(data, landmarks)


def _found_x86(data: bytes | memoryview, landmarks: Landmarks) -> bytes:
    x86 = KtrapFrameX86(bytes(data[: KtrapFrameX86.SIZE]).ljust(KtrapFrameX86.SIZE, b"\0"))
    selectors = {int.from_bytes(data[offset : offset + 2], "little") for offset in _SELECTORS}
    if not _flags_fit(x86.e_flags) or selectors != {_DATA_SELECTOR}:
        return b""
    if x86.seg_cs & 0xFFFF == _KERNEL_CS[X86] and landmarks.code(x86.eip):
        return scrubbed_trap_frame(data, landmarks)
    if x86.seg_cs & 0xFFFF == _USER_CS[X86] and max(x86.eip, x86.hardware_esp) < X86.kernel_start:
        return _user_frame_x86(x86)[: KtrapFrameX86.hardware_seg_ss.end]
    return b""


def _user_frame_x64(frame: KtrapFrameX64) -> bytes:
    return bytes(KtrapFrameX64.build(seg_cs=frame.seg_cs, e_flags=_flags(frame.e_flags), seg_ss=frame.seg_ss))


def _user_frame_x86(frame: KtrapFrameX86) -> bytes:
    out = KtrapFrameX86.build(seg_cs=_USER_CS[X86], e_flags=_flags(frame.e_flags), hardware_seg_ss=_DATA_SELECTOR)
    for offset in _SELECTORS:
        out[offset] = _DATA_SELECTOR
    return bytes(out)


def _is_kernel_frame_x64(frame: KtrapFrameX64, end: int, landmarks: Landmarks) -> bool:
    fits = frame.seg_cs == _KERNEL_CS[X64] and frame.seg_ss in _KERNEL_SS
    if not fits or not landmarks.code(frame.rip) or frame.rsp < X64.kernel_start or frame.rsp % 8:
        return False
    # The processor aligns the stack pointer before it pushes the frame; on another stack only MxCsr is left to check.
    if landmarks.stack(frame.rsp):
        return frame.rsp & ~15 == end
    return frame.mx_csr & _MASKED == _MASKED


def is_exception_record(data: bytes | memoryview, landmarks: Landmarks) -> bool:
    """Whether the bytes are an EXCEPTION_RECORD: warning or error, no outer record, an address in code."""
    layout = ExceptionRecord64 if landmarks.machine.bits == 64 else ExceptionRecord32
    if len(data) < layout.SIZE:
        return False
    record = layout(data)
    fits = record.exception_code & 0xA0000000 == 0x80000000 and record.exception_flags < 0x100
    fits = fits and record.exception_record == 0 and record.number_parameters <= _MOST_PARAMETERS
    return fits and landmarks.code(record.exception_address)


def _flags(word: int) -> int:
    return word & ~_FLAGS_FIXED | _FLAGS_SET


def _flags_fit(word: int) -> bool:
    return word & _FLAGS_FIXED == _FLAGS_SET
