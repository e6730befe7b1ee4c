"""Registers out of CONTEXT records and trap frames, by WinDbg's names."""

from __future__ import annotations

import pytest

from smalldump.layout.context import ContextArm64, ContextX64, ContextX86, KtrapFrameX64, KtrapFrameX86
from smalldump.model import Absent
from smalldump.model.machine import ARM64, X64, X86, Machine, machine_of
from smalldump.sources.register_sets import CONTEXT_SIZES, context_registers, trap_frame_registers
from tests.sources.reading import known

IA64 = machine_of(0x200, 64)


def test_context_of_x64() -> None:
    data = ContextX64.build(
        context_flags=0x10001F, rip=0xFFFFF80400001000, rsp=0xFFFF800000000100, rbp=7, r15=15, seg_cs=0x10, seg_ss=0x18,
        e_flags=0x246, dr7=0x400, mx_csr=0x1F80, control_word=0x27F, debug_control=3,
        xmm_registers=(1, 2, *range(30)), float_registers=(5, 0x12344000, *range(14)),
    )  # fmt: skip
    registers = known(context_registers(X64, bytes(data), "test", 0x1000))
    assert (registers.pc, registers.sp, registers.fp) == (0xFFFFF80400001000, 0xFFFF800000000100, 7)
    expected = {"r15": 15, "cs": 0x10, "ss": 0x18, "efl": 0x246, "dr7": 0x400, "mxcsr": 0x1F80, "fpcw": 0x27F}
    assert {name: registers.values[name] for name in expected} == expected
    assert list(registers.values)[:4] == ["rax", "rbx", "rcx", "rdx"]
    assert "context_flags" not in registers.values
    assert registers.vectors["xmm0"] == 1 | 2 << 64
    assert registers.vectors["st0"] == 5 | 0x4000 << 64  # 80 bits; the rest of the slot is reserved
    assert (registers.source, registers.address) == ("test", 0x1000)


def test_context_of_x86() -> None:
    area = (0x4000_C000_0000_0000_0001).to_bytes(10, "little") + bytes(70)
    data = ContextX86.build(
        context_flags=0x1003F, eip=0x804D7000, esp=0xF7A3E800, ebp=0xF7A3E818, edi=1, seg_gs=2, seg_cs=8, e_flags=0x202,
        register_area=area, mx_csr=0x1F80, xmm_registers=(9, 8, *range(14)),
    )  # fmt: skip
    registers = known(context_registers(X86, bytes(data), "test"))
    assert (registers.pc, registers.sp, registers.fp) == (0x804D7000, 0xF7A3E800, 0xF7A3E818)
    assert (registers.values["edi"], registers.values["gs"], registers.values["efl"]) == (1, 2, 0x202)
    assert registers.vectors["st0"] == 0x4000_C000_0000_0000_0001
    assert registers.vectors["xmm0"] == 9 | 8 << 64
    assert registers.values["mxcsr"] == 0x1F80


def test_context_of_arm64() -> None:
    data = ContextArm64.build(
        context_flags=0x400007, cpsr=0x80000144, x=tuple(range(29)), fp=29, lr=30, sp=0xFFFF800000000100,
        pc=0xFFFFF80400001000, bcr=tuple(range(8)), v=(3, 4, *range(62)),
    )  # fmt: skip
    registers = known(context_registers(ARM64, bytes(data), "test"))
    assert (registers.pc, registers.sp, registers.fp) == (0xFFFFF80400001000, 0xFFFF800000000100, 29)
    assert [registers.values[f"x{index}"] for index in range(29)] == list(range(29))
    assert (registers.values["lr"], registers.values["bcr3"]) == (30, 3)
    assert registers.vectors["v0"] == 3 | 4 << 64


@pytest.mark.parametrize(
    ("machine", "data"),
    [
        (X64, bytes(ContextX64.build(context_flags=0x10001F, rip=1))),
        (X86, bytes(ContextX86.build(context_flags=0x1003F, eip=1))),
        (ARM64, bytes(ContextArm64.build(context_flags=0x400007, pc=1))),
    ],
)
def test_what_is_no_context(machine: Machine, data: bytes) -> None:
    assert known(context_registers(machine, data, "test")).pc == 1
    assert context_registers(machine, data[:-1], "test") is Absent.CORRUPT
    assert context_registers(machine, bytes(len(data)), "test") is Absent.CORRUPT
    assert context_registers(machine, b"PAGE" * (len(data) // 4 + 1), "test") is Absent.NOT_CAPTURED
    for other in (X64, X86, ARM64):
        if other is not machine:
            padded = data.ljust(CONTEXT_SIZES[other], b"\0")
            assert context_registers(other, padded, "test") is Absent.CORRUPT
    assert context_registers(IA64, data, "test") is Absent.UNSUPPORTED


def test_trap_frame_of_x64() -> None:
    data = KtrapFrameX64.build(
        rip=0xFFFFF80400001000, rsp=0xFFFF800000000100, rbp=5, rax=1, r11=11, seg_cs=0x10, seg_ss=0x18, e_flags=0x246,
        mx_csr=0x1F80, xmm_registers=(1, 2, *range(10)),
    )  # fmt: skip
    registers = known(trap_frame_registers(X64, bytes(data), "test", 0x1000))
    assert (registers.pc, registers.sp, registers.fp) == (0xFFFFF80400001000, 0xFFFF800000000100, 5)
    assert {"rbx", "rsi", "rdi", "r12", "r13", "r14", "r15"}.isdisjoint(registers.values)
    assert registers.vectors.keys() == {f"xmm{index}" for index in range(6)}


def test_trap_frame_of_x86_from_user_mode() -> None:
    data = bytes(KtrapFrameX86.build(eip=0x401000, seg_cs=0x1B, hardware_esp=0x12F000, hardware_seg_ss=0x23, ebx=3))
    registers = known(trap_frame_registers(X86, data, "test", 0xF7A3E800))
    assert (registers.pc, registers.sp, registers.values["ss"]) == (0x401000, 0x12F000, 0x23)


def test_trap_frame_of_x86_from_kernel_mode() -> None:
    """The processor pushed no stack pointer: the stack goes on right behind EFlags."""
    data = bytes(KtrapFrameX86.build(eip=0x804D7000, seg_cs=0x08, hardware_esp=0xDEADBEEF, ebx=3, ebp=0xF7A3E900))
    registers = known(trap_frame_registers(X86, data, "test", 0xF7A3E800))
    assert (registers.pc, registers.sp) == (0x804D7000, 0xF7A3E800 + 0x74)
    assert "ss" not in registers.values
    assert (registers.fp, registers.values["ebx"]) == (0xF7A3E900, 3)


def test_esp_behind_the_end_of_memory_wraps() -> None:
    data = bytes(KtrapFrameX86.build(eip=0x804D7000, seg_cs=0x08))
    assert known(trap_frame_registers(X86, data, "test", 0xFFFFFFF0)).sp == 0x64


def test_what_is_no_trap_frame() -> None:
    assert trap_frame_registers(X64, bytes(0x18F), "test", 0) is Absent.CORRUPT
    assert trap_frame_registers(X86, bytes(0x8B), "test", 0) is Absent.CORRUPT
    assert trap_frame_registers(ARM64, bytes(0x400), "test", 0) is Absent.UNSUPPORTED
