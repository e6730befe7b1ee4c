"""What x86 code does to the stack where a function begins and ends.

Only the instructions of which prologues and epilogues are made are known here; at any other one the reading ends, and
with it what is known. Source: Intel SDM volume 2; MSVC's and clang's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smalldump.memory import AddressSpace

__all__ = ["CALLEE_SAVED", "Prologue", "after_epilogue", "begins_here", "prologue", "restores"]

CALLEE_SAVED = ("ebx", "ebp", "esi", "edi")
REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
"""The registers in the order of their numbers in instructions."""
_LONGEST_EPILOGUE = 64
_STEPS = 24
_ENTRIES = (b"\x8b\xff\x55\x8b\xec", b"\x55\x8b\xec", b"\x55\x89\xe5")
"""How functions with a frame pointer begin: `mov edi, edi; push ebp; mov ebp, esp`."""
_MASK = 0xFFFFFFFF
_PUSHES = {0x6A: 2, 0x68: 5}
"""Sizes of `push` with a constant: the arguments of a helper such as __SEH_prolog4."""


class Prologue(NamedTuple):
    """What a function's first instructions have done.

    Attributes:
        depth: Bytes between the stack pointer and the return address; None where that is not known.
        saved: Registers that were pushed, and how far below the return address they lie.
        framed: How far below the return address EBP points, where it now points into the frame.
        whole: Whether all instructions were understood: no other register was saved.
    """

    depth: int | None
    saved: Mapping[str, int]
    framed: int | None = None
    whole: bool = True


def prologue(code: bytes) -> Prologue:
    """What `code`, from a function's first byte to the program counter, has done, as far as it is understood."""
    at, depth, framed = 0, 0, None
    saved: dict[str, int] = {}
    while at < len(code):
        rest = code[at:]
        if rest[0] & 0xF8 == 0x50:
            depth, at = depth + 4, at + 1
            saved.setdefault(REGISTERS[rest[0] & 7], depth)
        elif rest[:2] in (b"\x8b\xec", b"\x89\xe5"):
            framed, at = depth, at + 2
        elif (taken := _taken(rest)) is not None:
            depth, at = depth + taken[0], at + taken[1]
        elif (size := _harmless(rest, _NOT_OF_FRAME)) is not None:
            at += size
        elif (size := _PUSHES.get(rest[0])) is not None and len(rest) >= size:
            depth, at = depth + 4, at + size
        else:
            return Prologue(None, saved, framed, False)
    return Prologue(depth, saved, framed) if at == len(code) else Prologue(None, saved, framed, False)


# `sub esp, n`: the amount, and the instruction's size.
def _taken(code: bytes) -> tuple[int, int] | None:
    if code[:2] == b"\x83\xec" and len(code) >= 3 and code[2] < 0x80:
        return code[2], 3
    if code[:2] == b"\x81\xec" and len(code) >= 6:
        return int.from_bytes(code[2:6], "little"), 6
    return None


def begins_here(memory: AddressSpace, pc: int) -> Prologue | None:
    """What has been done where `pc` lies in a function's first `push ebp; mov ebp, esp`.

    None where it lies elsewhere, or where the code is not there.
    """
    if memory.read_some(pc, 5).startswith(_ENTRIES):
        return Prologue(0, {})
    return Prologue(4, {"ebp": 4}) if memory.try_read(pc - 1, 3) in _ENTRIES[1:] else None


def after_epilogue(
    memory: AddressSpace, registers: Mapping[str, int], function: range = range(0)
) -> Mapping[str, int] | None:
    """The registers right before the RET (or the jump of a tail call) that an epilogue at the program counter leads to.

    The word at the stack pointer then is the return address. None where the code there is no epilogue.

    Args:
        function: What is known to be inside of the function: jumps that lead there leave nothing.
    """
    start = registers["eip"]
    code = memory.read_some(start, _LONGEST_EPILOGUE)
    state, at = dict(registers), 0
    for _ in range(_STEPS):
        if not (rest := code[at : at + 8]):
            return None
        if rest[0] in (0xC3, 0xC2) or rest[:2] in (b"\xf2\xc3", b"\xf3\xc3"):
            return state
        if rest[0] in (0xE9, 0xEB) or (rest[0] == 0xFF and rest[1:] and rest[1] >> 3 & 7 == 4):
            before = code[at - 1 : at] if at else memory.read_some(start - 1, 1)
            return state if restores(before) and _target(rest, start + at) not in function else None
        size = _step(rest, state, memory)
        if size is None:
            return None
        at += size
    return None


def restores(code: bytes) -> bool:
    """Whether an instruction of one byte restores a register: POP or LEAVE.

    One comes before the jump of a tail call; any other jump is one inside a function.
    """
    return code == b"\xc9" or (len(code) == 1 and code[0] & 0xF8 == 0x58)


def _target(code: bytes, address: int) -> int | None:
    size = {0xE9: 5, 0xEB: 2}.get(code[0])
    if size is None:
        return None
    return address + size + int.from_bytes(code[1:size], "little", signed=True) & _MASK


def _step(code: bytes, state: dict[str, int], memory: AddressSpace) -> int | None:
    # Size of the instruction that `code` begins with, after carrying it out.
    if code[0] & 0xF8 == 0x58:
        return _pop(REGISTERS[code[0] & 7], state, memory)
    if code[0] == 0xC9:
        return _leave(state, memory)
    if code[:2] in (b"\x8b\xe5", b"\x89\xec") and "ebp" in state:
        state["esp"] = state["ebp"]
        return 2
    return _adjust(code, state) or _harmless(code, _RESULT)


def _pop(register: str, state: dict[str, int], memory: AddressSpace) -> int | None:
    word = memory.word(state["esp"], 4)
    if word is None or register == "esp":
        return None
    state["esp"] += 4
    state[register] = word
    return 1


def _leave(state: dict[str, int], memory: AddressSpace) -> int | None:
    if "ebp" not in state:
        return None
    state["esp"] = state["ebp"]
    return _pop("ebp", state, memory)


# `add esp, n` and `lea esp, [ebp+n]`
def _adjust(code: bytes, state: dict[str, int]) -> int | None:
    small, large = int.from_bytes(code[2:3], "little", signed=True), int.from_bytes(code[2:6], "little", signed=True)
    if code[:2] == b"\x83\xc4" and len(code) >= 3:
        state["esp"] = state["esp"] + small & _MASK
        return 3
    if code[:2] == b"\x81\xc4" and len(code) >= 6:
        state["esp"] = state["esp"] + large & _MASK
        return 6
    if code[:2] == b"\x8d\x65" and len(code) >= 3 and "ebp" in state:
        state["esp"] = state["ebp"] + small & _MASK
        return 3
    if code[:2] == b"\x8d\xa5" and len(code) >= 6 and "ebp" in state:
        state["esp"] = state["ebp"] + large & _MASK
        return 6
    return None


_RESULT = frozenset((0, 1, 2))
"""EAX, ECX, EDX: what an epilogue may compute, since nobody expects them to be preserved."""
_NOT_OF_FRAME = frozenset((0, 1, 2, 3, 6, 7))
"""All but ESP and EBP."""
_ONE_BYTE = frozenset((*range(0x40, 0x44), 0x46, 0x47, *range(0x48, 0x4C), 0x4E, 0x4F, 0x90, 0x98, 0x99))
"""INC and DEC, NOP, CWDE, CDQ."""
_WITH_CONSTANT = frozenset((0x05, 0x0D, 0x25, 0x2D, 0x35))
"""ADD, OR, AND, SUB, XOR of EAX and four bytes."""
_TO_REGISTER = frozenset((0x03, 0x0B, 0x13, 0x1B, 0x23, 0x2B, 0x33, 0x8A, 0x8B, 0x8D))
"""ADD, OR, ADC, SBB, AND, SUB, XOR, MOV, LEA with the register as the destination."""
_TO_OPERAND = frozenset((0x01, 0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x88, 0x89, 0xF7, 0xD1))
"""The same with the other operand as the destination, and NEG, NOT and shifts."""
_EXTENSIONS = frozenset((0xAF, 0xB6, 0xB7, 0xBE, 0xBF))
"""IMUL, MOVZX, MOVSX, behind 0F."""


# Size of an instruction that changes at most one of the registers `free` and nothing in memory; None of any other, and
# of those that are not known here.
def _harmless(code: bytes, free: frozenset[int]) -> int | None:
    opcode = code[0]
    if opcode in _ONE_BYTE:
        return 1 if opcode >= 0x90 or opcode & 7 in free else None
    if opcode in _WITH_CONSTANT or (opcode & 0xF8 == 0xB8 and opcode & 7 in free):
        return 5 if len(code) >= 5 else None
    if opcode == 0x6A and len(code) >= 3 and code[2] & 0xF8 == 0x58 and code[2] & 7 in free:
        return 3
    before = 1 + (opcode == 0x0F and code[1:2] != b"" and code[1] in _EXTENSIONS)
    if opcode in _TO_REGISTER or before == 2:
        size = _operand_size(code[before:])
        return before + size if size and code[before] >> 3 & 7 in free else None
    return _on_register(code) if len(code) >= 2 and code[1] >= 0xC0 and code[1] & 7 in free else None


# Size of an instruction whose destination is a register as ModR/M operand.
def _on_register(code: bytes) -> int | None:
    if code[0] in _TO_OPERAND:
        return 2
    size = {0x81: 6, 0x83: 3, 0xC1: 3}.get(code[0])
    return size if size and len(code) >= size else None


# Size of a ModR/M byte with its SIB byte and displacement.
def _operand_size(code: bytes) -> int | None:
    if not code:
        return None
    mode, operand = code[0] >> 6, code[0] & 7
    indexed = mode != 3 and operand == 4
    size = 1 + indexed + (0, 1, 4, 0)[mode]
    if mode == 0 and (operand == 5 or (indexed and code[1:2] != b"" and code[1] & 7 == 5)):
        size += 4
    return size if len(code) >= size else None
