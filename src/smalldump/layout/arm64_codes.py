"""Unwind codes of ARM64: what one instruction of a prologue or epilogue did, so that it can be undone.

Codes are one to five bytes long; the first byte tells how many. Large numbers have their highest byte first.

Source: Microsoft's "ARM64 exception handling"; `save_any_reg`, which is reserved there, by LLVM's reader and writer.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from smalldump.errors import FormatError, Truncated

__all__ = ["Code", "CodeSequence", "Op", "code_sequence"]


class Op(Enum):
    """What an unwind code does to undo its instruction; the value is Microsoft's name, without details."""

    ALLOC = "alloc"
    """Add to the stack pointer."""
    SAVE = "save"
    """Load registers from their save slots, then add to the stack pointer."""
    SET_FP = "set_fp"
    """Take the stack pointer from the frame pointer."""
    ADD_FP = "add_fp"
    """Take the stack pointer from the frame pointer, and subtract."""
    NOP = "nop"
    PAC_SIGN_LR = "pac_sign_lr"
    """Strip the signature off the return address."""
    TRAP_FRAME = "trap_frame"
    MACHINE_FRAME = "machine_frame"
    CONTEXT = "context"
    EC_CONTEXT = "ec_context"
    CLEAR_UNWOUND_TO_CALL = "clear_unwound_to_call"
    ALLOC_Z = "alloc_z"
    """Add a multiple of the length of scalable vectors, which no dump tells."""


_CUSTOM = (Op.TRAP_FRAME, Op.MACHINE_FRAME, Op.CONTEXT, Op.EC_CONTEXT, Op.CLEAR_UNWOUND_TO_CALL)
"""Codes of hand-written routines that stand for no instruction."""


class Code(NamedTuple):
    """One unwind code.

    Attributes:
        registers: Of SAVE: names of what lies in successive slots; `q` registers have slots of 16 bytes.
        offset: Of SAVE: where the first slot is, bytes from the stack pointer.
        size: Bytes: what is added to the stack pointer; of ADD_FP what is subtracted.
    """

    op: Op
    registers: tuple[str, ...] = ()
    offset: int = 0
    size: int = 0

    @property
    def instructions(self) -> int:
        """Instructions that the code stands for: one, or none."""
        return 0 if self.op in _CUSTOM else 1


class CodeSequence(NamedTuple):
    """The codes of a prologue or epilogue, in the order in which they undo it.

    Attributes:
        codes: All of them.
        own: How many of them belong to the function's own code; the others (behind `end_c`) to the part of it that
            ran before.
    """

    codes: tuple[Code, ...]
    own: int

    @property
    def instructions(self) -> int:
        """Instructions of the function's own prologue or epilogue, `ret` not counted."""
        return sum(code.instructions for code in self.codes[: self.own])


@lru_cache(maxsize=4096)
def code_sequence(codes: bytes, index: int) -> CodeSequence:
    """Decode the codes from byte `index` on, up to `end`.

    Raises:
        FormatError: A code is reserved, or cannot stand where it does.
        Truncated: There is no `end`.
    """
    found, own, following = list[Code](), None, 0
    while index < len(codes):
        first = codes[index]
        size = _size(first)
        data = codes[index : index + size]
        if len(data) < size:
            break
        if first == _END:
            return CodeSequence(tuple(found), len(found) if own is None else own)
        if first == _END_C:
            own = len(found) if own is None else own
        elif first == _SAVE_NEXT:
            following += 1
        else:
            code = _decode(data, index)
            found += _next_pairs(code, following, index)
            found.append(code)
            following = 0
        index += size
    raise Truncated("unwind codes have no end", offset=index, expected="end", found="nothing")


_END, _END_C, _SAVE_NEXT = 0xE4, 0xE5, 0xE6
_SIZES = {0xDF: 2, 0xE0: 4, 0xE2: 2, 0xE7: 3, 0xF8: 2, 0xF9: 3, 0xFA: 4, 0xFB: 5}


def _size(first: int) -> int:
    return _SIZES.get(first, 1 if first < 0xC0 or first >= 0xE0 else 2)


_FILES = (
    [*(f"x{number}" for number in range(19, 29)), *(f"d{number}" for number in range(8, 16))],
    [f"q{number}" for number in range(32)],
)
"""The orders in which pairs are saved: after the last integer registers come the first floating-point ones."""


# `save_next` stands before the pair that it follows in the prologue, one for each pair more.
def _next_pairs(code: Code, count: int, at: int) -> list[Code]:
    if not count:
        return []
    file = next((file for file in _FILES if code.registers[:1] and code.registers[0] in file), [])
    if len(code.registers) != 2 or not file or code.registers[1] not in file:
        raise FormatError("save_next follows no pair", offset=at, expected="a pair of registers", found=code.op.value)
    first, width, pairs = file.index(code.registers[0]), 16 if file[0] == "q0" else 8, list[Code]()
    for number in range(count, 0, -1):
        registers = tuple(file[first + 2 * number : first + 2 * number + 2])
        if len(registers) != 2:
            raise FormatError("save_next leads too far", offset=at, expected="registers", found=f"{count} pairs")
        pairs.append(Code(Op.SAVE, registers, code.offset + 2 * width * number))
    return pairs


def _decode(data: bytes, at: int) -> Code:
    first, value = data[0], int.from_bytes(data, "big")
    if first < 0xC0:
        return _short(first)
    if first < 0xC8:
        return Code(Op.ALLOC, size=(value & 0x7FF) * 16)
    if first < 0xDF:
        return _saved(value)
    simple = _SIMPLE.get(first)
    if simple is not None:
        return Code(simple)
    if first == 0xE0:
        return Code(Op.ALLOC, size=(value & 0xFFFFFF) * 16)
    if first == 0xE2:
        return Code(Op.ADD_FP, size=data[1] * 8)
    if first == 0xE7:
        return _saved_any(data, at)
    raise FormatError("reserved unwind code", offset=at, expected="a known one", found=data.hex(" "))


_SIMPLE = {
    0xDF: Op.ALLOC_Z,
    0xE1: Op.SET_FP,
    0xE3: Op.NOP,
    0xE8: Op.TRAP_FRAME,
    0xE9: Op.MACHINE_FRAME,
    0xEA: Op.CONTEXT,
    0xEB: Op.EC_CONTEXT,
    0xEC: Op.CLEAR_UNWOUND_TO_CALL,
    0xFC: Op.PAC_SIGN_LR,
}


def _short(first: int) -> Code:
    low = first & 0x3F
    if first < 0x20:
        return Code(Op.ALLOC, size=16 * first)
    if first < 0x40:
        return Code(Op.SAVE, ("x19", "x20"), 0, 8 * (first & 0x1F))
    if first < 0x80:
        return Code(Op.SAVE, ("fp", "lr"), 8 * low)
    return Code(Op.SAVE, ("fp", "lr"), 0, 8 * low + 8)


# Codes of two bytes: which registers, bits of their number, whether the stack pointer moves, bits of the distance.
_SAVED = (
    (0xC800, 0xFC00, "x pair", False),  # save_regp
    (0xCC00, 0xFC00, "x pair", True),  # save_regp_x
    (0xD000, 0xFC00, "x", False),  # save_reg
    (0xD400, 0xFE00, "x", True),  # save_reg_x
    (0xD600, 0xFE00, "x lr", False),  # save_lrpair
    (0xD800, 0xFE00, "d pair", False),  # save_fregp
    (0xDA00, 0xFE00, "d pair", True),  # save_fregp_x
    (0xDC00, 0xFE00, "d", False),  # save_freg
    (0xDE00, 0xFF00, "d", True),  # save_freg_x
)


def _saved(value: int) -> Code:
    _, mask, kind, moves = next(row for row in _SAVED if value & row[1] == row[0])
    distance_bits = 5 if kind in ("x", "d") and moves else 6
    number = (value & ~mask) >> distance_bits
    distance = value & (1 << distance_bits) - 1
    registers = _named(kind, number)
    return Code(Op.SAVE, registers, 0, 8 * distance + 8) if moves else Code(Op.SAVE, registers, 8 * distance)


def _named(kind: str, number: int) -> tuple[str, ...]:
    if kind == "x lr":
        return _x(19 + 2 * number), "lr"
    letter, _, pair = kind.partition(" ")
    numbers = (number, number + 1) if pair else (number,)
    return tuple(_x(19 + n) if letter == "x" else f"d{8 + n}" for n in numbers)


def _x(number: int) -> str:
    return {29: "fp", 30: "lr"}.get(number, f"x{number}")


# save_any_reg: 0pxrrrrr ffoooooo. With `x` the stack pointer moved by 16 bytes more than the offset says.
def _saved_any(data: bytes, at: int) -> Code:
    pair, moves, number = data[1] >> 6 & 1, data[1] >> 5 & 1, data[1] & 0x1F
    kind, offset = data[2] >> 6, data[2] & 0x3F
    if data[1] & 0x80 or kind == 3 or number + pair > 31 or (kind == 0 and number + pair > 30):
        raise FormatError("reserved unwind code", offset=at, expected="save_any_reg", found=data.hex(" "))
    registers = tuple(_x(n) if kind == 0 else f"{'xdq'[kind]}{n}" for n in range(number, number + 1 + pair))
    if moves:
        return Code(Op.SAVE, registers, 0, 16 * offset + 16)
    return Code(Op.SAVE, registers, offset * (16 if pair or kind == 2 else 8))
