"""CONTEXT, KTRAP_FRAME and EXCEPTION_RECORD bytes of the three architectures (format reference §2.6, §2.7)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from tests.synth.paper import pack

__all__ = ["CONTEXT", "CONTEXT_SIZE", "PC", "SP", "context", "exception_record", "trap_frame"]

Registers = Mapping[str, int]

_X64 = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"]

CONTEXT: Mapping[int, Mapping[str, tuple[int, str]]] = {
    0x8664: {name: (0x78 + 8 * i, "Q") for i, name in enumerate(_X64)}
    | {
        "contextflags": (0x30, "I"),
        "mxcsr": (0x34, "I"),
        "cs": (0x38, "H"),
        "ds": (0x3A, "H"),
        "es": (0x3C, "H"),
        "fs": (0x3E, "H"),
        "gs": (0x40, "H"),
        "ss": (0x42, "H"),
        "eflags": (0x44, "I"),
        "rip": (0xF8, "Q"),
    },
    0xAA64: {f"x{i}": (0x08 + 8 * i, "Q") for i in range(29)}
    | {
        "contextflags": (0x00, "I"),
        "cpsr": (0x04, "I"),
        "fp": (0xF0, "Q"),
        "lr": (0xF8, "Q"),
        "sp": (0x100, "Q"),
        "pc": (0x108, "Q"),
    },
    0x14C: {
        "contextflags": (0x00, "I"),
        "gs": (0x8C, "I"),
        "fs": (0x90, "I"),
        "es": (0x94, "I"),
        "ds": (0x98, "I"),
        "edi": (0x9C, "I"),
        "esi": (0xA0, "I"),
        "ebx": (0xA4, "I"),
        "edx": (0xA8, "I"),
        "ecx": (0xAC, "I"),
        "eax": (0xB0, "I"),
        "ebp": (0xB4, "I"),
        "eip": (0xB8, "I"),
        "cs": (0xBC, "I"),
        "eflags": (0xC0, "I"),
        "esp": (0xC4, "I"),
        "ss": (0xC8, "I"),
    },
}
CONTEXT_SIZE = {0x8664: 0x4D0, 0xAA64: 0x390, 0x14C: 0x2CC}
PC = {0x8664: "rip", 0xAA64: "pc", 0x14C: "eip"}
SP = {0x8664: "rsp", 0xAA64: "sp", 0x14C: "esp"}

_KERNEL: Mapping[int, Registers] = {
    0x8664: {
        "contextflags": 0x10000F,
        "mxcsr": 0x1F80,
        "cs": 0x10,
        "ds": 0x2B,
        "es": 0x2B,
        "fs": 0x53,
        "gs": 0x2B,
        "ss": 0x18,
        "eflags": 0x40246,
    },
    0xAA64: {"contextflags": 0x400007, "cpsr": 0x80000144},
    0x14C: {
        "contextflags": 0x1003F,
        "fs": 0x30,
        "es": 0x23,
        "ds": 0x23,
        "cs": 0x08,
        "ss": 0x10,
        "eflags": 0x246,
    },
}

# P1Home of the trap frame is where nothing is; only what the reference names is written.
_TRAP_X64 = {
    "rax": 0x30,
    "rcx": 0x38,
    "rdx": 0x40,
    "r8": 0x48,
    "r9": 0x50,
    "r10": 0x58,
    "r11": 0x60,
    "faultaddress": 0xD0,
    "rbp": 0x158,
    "errorcode": 0x160,
    "rip": 0x168,
    "cs": 0x170,
    "eflags": 0x178,
    "rsp": 0x180,
    "ss": 0x188,
}
_TRAP_X86 = {
    "edx": 0x3C,
    "ecx": 0x40,
    "eax": 0x44,
    "edi": 0x54,
    "esi": 0x58,
    "ebx": 0x5C,
    "ebp": 0x60,
    "errorcode": 0x64,
    "eip": 0x68,
    "cs": 0x6C,
    "eflags": 0x70,
    "esp": 0x74,
}


def context(machine: int, registers: Registers) -> bytes:
    """A CONTEXT of kernel mode with `registers`; all that is not given is zero."""
    data = bytearray(CONTEXT_SIZE[machine])
    for name, value in (dict(_KERNEL[machine]) | dict(registers)).items():
        if name not in CONTEXT[machine]:
            continue
        offset, code = CONTEXT[machine][name]
        raw = pack(code, value)
        data[offset : offset + len(raw)] = raw
    if machine == 0x8664:
        struct.pack_into("<H", data, 0x100, 0x27F)
        struct.pack_into("<II", data, 0x118, 0x1F80, 0xFFFF)
    return bytes(data)


def trap_frame(machine: int, registers: Registers, irql: int = 0) -> bytes:
    """A KTRAP_FRAME of an exception in kernel mode (x64: 0x190 bytes, x86: 0x8C)."""
    if machine == 0x8664:
        data, table, code = bytearray(0x190), _TRAP_X64, "Q"
        data[0x29] = irql
        struct.pack_into("<I", data, 0x2C, 0x1F80)
        values = {"cs": 0x10, "ss": 0x18, "eflags": 0x10246} | dict(registers)
    else:
        data, table, code = bytearray(0x8C), _TRAP_X86, "I"
        values = {"cs": 0x8, "eflags": 0x10246} | dict(registers)
        struct.pack_into("<IIII", data, 0x30, 0, 0x23, 0x23, 0)
    for name, value in values.items():
        if name in table:
            raw = pack(code, value)
            data[table[name] : table[name] + len(raw)] = raw
    return bytes(data)


def exception_record(
    bits: int, code: int, address: int, *, flags: int = 0, information: Sequence[int] = (), fill: bytes = b"\0"
) -> bytes:
    """An EXCEPTION_RECORD with all its 15 information words; those not given hold `fill`."""
    if bits == 64:
        head, word = struct.pack("<IIQQII", code, flags, 0, address, len(information), 0), "Q"
    else:
        head, word = struct.pack("<IIIII", code, flags, 0, address & 0xFFFFFFFF, len(information)), "I"
    size = 0x98 if bits == 64 else 0x50
    head += b"".join(pack(word, value) for value in information)
    return head + (fill * size)[len(head) % len(fill) :][: size - len(head)]
