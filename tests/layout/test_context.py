"""Register contexts against the format reference, §2.6 and §2.7, and the Windows SDK's winnt.h."""

from __future__ import annotations

import pytest

from smalldump.layout.context import (
    ContextArm64,
    ContextX64,
    ContextX86,
    ExceptionRecord32,
    ExceptionRecord64,
    KspecialRegistersX64,
    KspecialRegistersX86,
    KtrapFrameArm64,
    KtrapFrameX64,
    KtrapFrameX86,
)
from smalldump.layout.record import Record
from tests.layout.second_source import declared, stated

_X64 = """
30 4 ContextFlags, 34 4 MxCsr, 38 2 SegCs, 3a 2 SegDs, 3c 2 SegEs, 3e 2 SegFs, 40 2 SegGs, 42 2 SegSs, 44 4 EFlags,
48 8 Dr0, 50 8 Dr1, 58 8 Dr2, 60 8 Dr3, 68 8 Dr6, 70 8 Dr7, 78 8 Rax, 80 8 Rcx, 88 8 Rdx, 90 8 Rbx, 98 8 Rsp, a0 8 Rbp,
a8 8 Rsi, b0 8 Rdi, b8 8 R8, c0 8 R9, c8 8 R10, d0 8 R11, d8 8 R12, e0 8 R13, e8 8 R14, f0 8 R15, f8 8 Rip,
100 2 ControlWord, 102 2 StatusWord, 104 1 TagWord, 106 2 ErrorOpcode, 108 4 ErrorOffset, 10c 2 ErrorSelector,
110 4 DataOffset, 114 2 DataSelector, 11c 4 MxCsr_Mask, 120 80 FloatRegisters, 1a0 100 XmmRegisters,
300 1a0 VectorRegister_s, 4a0 8 VectorControl, 4a8 8 DebugControl, 4b0 8 LastBranchToRip, 4b8 8 LastBranchFromRip,
4c0 8 LastExceptionToRip, 4c8 8 LastExceptionFromRip
"""
_X86 = """
0 4 ContextFlags, 4 4 Dr0, 8 4 Dr1, c 4 Dr2, 10 4 Dr3, 14 4 Dr6, 18 4 Dr7, 1c 4 ControlWord, 20 4 StatusWord,
24 4 TagWord, 28 4 ErrorOffset, 2c 4 ErrorSelector, 30 4 DataOffset, 34 4 DataSelector, 38 50 RegisterArea,
88 4 Cr0NpxState, 8c 4 SegGs, 90 4 SegFs, 94 4 SegEs, 98 4 SegDs, 9c 4 Edi, a0 4 Esi, a4 4 Ebx, a8 4 Edx, ac 4 Ecx,
b0 4 Eax, b4 4 Ebp, b8 4 Eip, bc 4 SegCs, c0 4 EFlags, c4 4 Esp, c8 4 SegSs
"""
_ARM64 = """
0 4 ContextFlags, 4 4 Cpsr, 8 e8 X, f0 8 Fp, f8 8 Lr, 100 8 Sp, 108 8 Pc, 110 200 V, 310 4 Fpcr, 314 4 Fpsr,
318 20 Bcr, 338 40 Bvr, 378 8 Wcr, 380 10 Wvr
"""
_EXCEPTION_64 = """
0 4 ExceptionCode, 4 4 ExceptionFlags, 8 8 ExceptionRecord, 10 8 ExceptionAddress, 18 4 NumberParameters,
20 78 ExceptionInformation
"""
_EXCEPTION_32 = """
0 4 ExceptionCode, 4 4 ExceptionFlags, 8 4 ExceptionRecord, c 4 ExceptionAddress, 10 4 NumberParameters,
14 3c ExceptionInformation
"""
_TRAP_X64 = """
29 1 PreviousIrql, 2c 4 MxCsr, 30 8 Rax, 38 8 Rcx, 40 8 Rdx, 48 8 R8, 50 8 R9, 58 8 R10, 60 8 R11, 70 60 XmmRegisters,
d0 8 FaultAddress, 158 8 Rbp, 160 8 ErrorCode, 168 8 Rip, 170 2 SegCs, 178 4 EFlags, 180 8 Rsp, 188 2 SegSs
"""
_TRAP_X86 = """
3c 4 Edx, 40 4 Ecx, 44 4 Eax, 54 4 Edi, 58 4 Esi, 5c 4 Ebx, 60 4 Ebp, 64 4 ErrCode, 68 4 Eip, 6c 4 SegCs, 70 4 EFlags,
74 4 HardwareEsp, 78 4 HardwareSegSs
"""
_TRAP_ARM64 = """
0 1 ExceptionActive, 1 1 ContextFromKFramesUnwound, 2 1 DebugRegistersValid, 3 1 PreviousMode, 4 4 FaultStatus,
8 8 FaultAddress, 10 8 VfpState, 90 4 Spsr, 94 4 Esr, 98 8 Sp, a0 98 X, 138 8 Lr, 140 8 Fp, 148 8 Pc
"""
_SPECIAL_X64 = """
0 8 Cr0, 8 8 Cr2, 10 8 Cr3, 18 8 Cr4, 20 8 KernelDr0, 28 8 KernelDr1, 30 8 KernelDr2, 38 8 KernelDr3, 40 8 KernelDr6,
48 8 KernelDr7, 56 2 GdtrLimit, 58 8 GdtrBase, 66 2 IdtrLimit, 68 8 IdtrBase, 70 2 Tr, 72 2 Ldtr, 74 4 MxCsr, a0 8 Cr8
"""
_SPECIAL_X86 = """
0 4 Cr0, 4 4 Cr2, 8 4 Cr3, c 4 Cr4, 10 4 KernelDr0, 14 4 KernelDr1, 18 4 KernelDr2, 1c 4 KernelDr3, 20 4 KernelDr6,
24 4 KernelDr7, 2a 2 GdtrLimit, 2c 4 GdtrBase, 32 2 IdtrLimit, 34 4 IdtrBase, 38 2 Tr, 3a 2 Ldtr
"""


@pytest.mark.parametrize(
    ("record", "table", "size"),
    [
        (ContextX64, _X64, 0x4D0),
        (ContextX86, _X86, 0x2CC),
        (ContextArm64, _ARM64, 0x390),
        (ExceptionRecord64, _EXCEPTION_64, 0x98),
        (ExceptionRecord32, _EXCEPTION_32, 0x50),
        (KtrapFrameX64, _TRAP_X64, 0x190),
        (KtrapFrameX86, _TRAP_X86, 0x8C),
        (KtrapFrameArm64, _TRAP_ARM64, 0x150),
        (KspecialRegistersX64, _SPECIAL_X64, 0xA8),
        (KspecialRegistersX86, _SPECIAL_X86, 0x3C),
    ],
)
def test_records(record: type[Record], table: str, size: int) -> None:
    fields, expected = declared(record), stated(table)
    assert {name: fields[name] for name in expected} == expected
    assert size == record.SIZE


@pytest.mark.parametrize(
    ("record", "others"),
    [
        (ContextX64, {"phome": (0, 0x30), "savemxcsr": (0x118, 4)}),
        (
            ContextX86,
            {
                "extendedheader": (0xCC, 0x18),
                "mxcsr": (0xCC + 0x18, 4),
                "mxcsrmask": (0xCC + 0x1C, 4),
                "extendedfloatregisters": (0xCC + 0x20, 0x80),
                "xmmregisters": (0xCC + 0xA0, 0x80),
            },
        ),
    ],
)
def test_the_fxsave_area(record: type[Record], others: dict[str, tuple[int, int]]) -> None:
    """Its own layout (Intel's manual): MXCSR at 0x18, st0 at 0x20, xmm0 at 0xA0. On x86 it begins at 0xCC."""
    fields = declared(record)
    assert {name: fields[name] for name in others} == others
    table = stated(_X64 if record is ContextX64 else _X86)
    assert fields.keys() == table.keys() | others.keys()


def test_vector_registers_come_in_halves() -> None:
    halves = tuple(range(32))
    assert ContextX64(ContextX64.build(xmm_registers=halves)).xmm_registers == halves
    assert ContextX64.build(xmm_registers=halves)[0x1A8:0x1B0] == (1).to_bytes(8, "little")
