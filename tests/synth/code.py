"""Machine code for invented functions: as much of it as an unwinder without images looks at.

A function of x64 code is a prologue, something harmless, one CALL that ends exactly where the caller says that it
resumes, and the epilogue. Between functions lie small ones that nobody calls.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

__all__ = ["Code", "call_x64", "epilogue_x64", "prologue_x64"]

_REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15"
_NUMBER = {name: i for i, name in enumerate(_REGISTERS.split())}
_FILLER_X64 = (
    bytes.fromhex("488bd9"),  # mov rbx, rcx
    bytes.fromhex("33c0"),  # xor eax, eax
    bytes.fromhex("488d542420"),  # lea rdx, [rsp+20h]
    bytes.fromhex("4533c0"),  # xor r8d, r8d
    bytes.fromhex("488bcb"),  # mov rcx, rbx
    bytes.fromhex("41b901000000"),  # mov r9d, 1
)
_STRANGER_X64 = bytes.fromhex("4883ec28 488b4118 4885c0 7405 4883c008 90 4883c428 c3").ljust(32, b"\xcc")
_STRANGER_X86 = bytes.fromhex("8bff 55 8bec 8b4508 85c0 7403 8b4004 5d c20400").ljust(32, b"\xcc")
_STRANGER_ARM64 = bytes.fromhex("7f2303d5 fd7bbfa9 fd030091 000c40f9 fd7bc1a8 ff2303d5 c0035fd6 1f2003d5")
_STRANGER = {0x8664: _STRANGER_X64, 0x14C: _STRANGER_X86, 0xAA64: _STRANGER_ARM64}


def _push(register: str) -> bytes:
    number = _NUMBER[register]
    return (b"\x41" if number > 7 else b"") + bytes([0x50 + (number & 7)])


def _pop(register: str) -> bytes:
    number = _NUMBER[register]
    return (b"\x41" if number > 7 else b"") + bytes([0x58 + (number & 7)])


def _move_rsp(opcode: int, amount: int) -> bytes:
    if not amount:
        return b""
    if amount < 0x80:
        return bytes([0x48, 0x83, opcode, amount])
    return bytes([0x48, 0x81, opcode]) + amount.to_bytes(4, "little")


def prologue_x64(pushes: Iterable[str], alloc: int) -> bytes:
    """PUSH each register, then SUB RSP."""
    return b"".join(_push(register) for register in pushes) + _move_rsp(0xEC, alloc)


def epilogue_x64(pushes: Iterable[str], alloc: int) -> bytes:
    """ADD RSP, POP in reverse order, RET."""
    return _move_rsp(0xC4, alloc) + b"".join(_pop(register) for register in reversed(list(pushes))) + b"\xc3"


def call_x64(resume: int, target: int) -> bytes:
    """A CALL that returns to `resume`: direct, or through an import pointer where `target` is 0."""
    if target:
        return b"\xe8" + ((target - resume) & 0xFFFFFFFF).to_bytes(4, "little")
    return b"\x48\xff\x15" + (0x4000).to_bytes(4, "little")


class Code:
    """Code bytes at addresses, with strangers' code everywhere else."""

    def __init__(self, machine: int) -> None:
        self.machine = machine
        self.pieces: dict[int, bytes] = {}

    def put(self, address: int, data: bytes) -> None:
        """Bytes that are at `address`; later ones win."""
        self.pieces[address] = data

    def function_x64(self, start: int, resume: int, target: int, pushes: Iterable[str], alloc: int) -> None:
        """A function that calls `target` (0: an import) and goes on at `resume` with its epilogue and INT3."""
        pushes = tuple(pushes)
        after = b"\x85\xc0" if target else b"\x0f\x1f\x44\0\0"
        call = call_x64(resume, target)
        body, room, i = prologue_x64(pushes, alloc), resume - len(call) - start, 0
        if room > 0x2000:
            raise ValueError(f"{start:#x} and {resume:#x} are not in one function")
        while len(body) + len(_FILLER_X64[i % 6]) <= room:
            body += _FILLER_X64[i % 6]
            i += 1
        if len(body) > room:
            raise ValueError(f"no room for a prologue between {start:#x} and {resume:#x}")
        body += b"\x90" * (room - len(body)) + call + after + epilogue_x64(pushes, alloc)
        self.put(start, body + b"\xcc" * (-len(body) % 16))

    def function_arm64(self, start: int, resume: int, target: int, frame: int) -> None:
        """A function with a frame record and `frame` bytes in all that calls `target` and goes on at `resume`."""
        small = frame <= 0x200
        if small:
            enter = [0xA9807BFD | (-frame // 8 & 0x7F) << 15]  # stp x29, x30, [sp, #-frame]!
            leave = [0xA8C07BFD | (frame // 8 & 0x7F) << 15]  # ldp x29, x30, [sp], #frame
        else:
            enter = [0xD10003FF | frame << 10, 0xA9007BFD]  # sub sp, sp, #frame; stp x29, x30, [sp]
            leave = [0xA9407BFD, 0x910003FF | frame << 10]  # ldp x29, x30, [sp]; add sp, sp, #frame
        head = [0xD503237F, *enter, 0x910003FD]  # pacibsp; ...; mov x29, sp
        room = (resume - 4 - start) // 4 - len(head)
        branch = 0x94000000 | (((target - (resume - 4)) // 4) & 0x3FFFFFF) if target else 0xD63F0100
        body = [*head, *[0xD503201F] * room, branch, 0x2A1F03E0, *leave, 0xD50323FF, 0xD65F03C0]
        self.put(start, struct.pack(f"<{len(body)}I", *body))

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes of code at `address`."""
        stranger = _STRANGER[self.machine]
        out = bytearray((stranger * (size // 32 + 2))[address % 32 :][:size])
        for start, data in self.pieces.items():
            first, last = max(start, address), min(start + len(data), address + size)
            if first < last:
                out[first - address : last - address] = data[first - start : last - start]
        return bytes(out)
