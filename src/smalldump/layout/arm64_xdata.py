"""Unwind data of ARM64 functions: how long they are, and the unwind codes of their prologues and epilogues.

A full record (`.xdata`):

    word 0      function length / 4 (18 bits), version (2), X: has a handler, E: one epilogue, at the function's end
                (its first code is the epilog count), epilog count (5), code words (5)
    word 1      only where both counts are 0: epilog count (16 bits), code words (8)
    scopes      unless E: one word an epilogue: start / 4 (18 bits), reserved (4), index of its first code (10)
    codes       bytes; an instruction of the prologue each, the last one first, then the epilogues'
    handler     where X: RVA of the handler, and its data

A packed record is the second word of the function's entry in `.pdata`, and stands for prologues of one form.

Source: Microsoft's "ARM64 exception handling".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from smalldump.errors import FormatError, Truncated
from smalldump.layout.arm64_codes import Code, CodeSequence, Op
from smalldump.layout.record import Buffer

__all__ = ["FullRecord", "PackedRecord", "parse_full_record", "parse_packed_record", "record_size"]


class FullRecord(NamedTuple):
    """A decoded `.xdata` record.

    Attributes:
        length: Bytes of the function.
        scopes: Start of each epilogue (bytes from the function's start) and index of its first code, ascending; of the
            only epilogue of a record with flag E the start is -1: it ends with the function.
        codes: All code bytes.
        handler: RVA of the exception handler, or None.
    """

    length: int
    scopes: tuple[tuple[int, int], ...]
    codes: bytes
    handler: int | None


def record_size(start: Buffer) -> int:
    """Bytes of the full record that begins with `start`, the handler's data aside; its first two words tell.

    Raises:
        Truncated: `start` does not hold what tells.
    """
    word = _word(start, 0)
    epilogs, code_words, at = _counts(start)
    return at + 4 * (code_words + (0 if word >> 21 & 1 else epilogs) + (word >> 20 & 1))


def parse_full_record(data: Buffer) -> FullRecord:
    """Decode the record at the first byte of `data`; codes are decoded by `code_sequence`.

    Raises:
        Truncated: `data` ends within the record.
        FormatError: Its version is not 0.
    """
    word = _word(data, 0)
    if word >> 18 & 3:
        raise FormatError("unknown unwind data", offset=0, expected="version 0", found=f"{word >> 18 & 3}")
    epilogs, code_words, at = _counts(data)
    length = (word & 0x3FFFF) * 4
    if word >> 21 & 1:
        scopes: tuple[tuple[int, int], ...] = ((-1, epilogs),)
    else:
        words = [_word(data, at + 4 * number) for number in range(epilogs)]
        scopes, at = tuple(((w & 0x3FFFF) * 4, w >> 22) for w in words), at + 4 * epilogs
    end = at + 4 * code_words
    codes = bytes(memoryview(data)[at:end])
    if len(codes) < 4 * code_words:
        raise Truncated("unwind codes are cut", offset=at, expected=f"{4 * code_words} bytes", found=f"{len(codes)}")
    return FullRecord(length, scopes, codes, _word(data, end) if word >> 20 & 1 else None)


# Epilog count (or the index of the only epilogue's codes), code words, and where what follows begins.
def _counts(data: Buffer) -> tuple[int, int, int]:
    word = _word(data, 0)
    epilogs, code_words = word >> 22 & 0x1F, word >> 27
    if epilogs or code_words:
        return epilogs, code_words, 4
    second = _word(data, 4)
    return second & 0xFFFF, second >> 16 & 0xFF, 8


def _word(data: Buffer, at: int) -> int:
    found = memoryview(data)[at : at + 4]
    if len(found) < 4:
        raise Truncated("unwind data are cut", offset=at, expected="4 bytes", found=f"{len(found)}")
    return int.from_bytes(found, "little")


class PackedRecord(NamedTuple):
    """Decoded packed unwind data.

    Attributes:
        length: Bytes of the function.
        fragment: Whether the frame is there from the first to the last instruction.
        prologue, epilogue: Their codes.
    """

    length: int
    fragment: bool
    prologue: CodeSequence
    epilogue: CodeSequence


@lru_cache(maxsize=4096)
def parse_packed_record(word: int) -> PackedRecord:
    """Decode the second word of a function's entry.

    Raises:
        FormatError: It is no packed record, or its sizes contradict each other.
    """
    flag, length = word & 3, (word >> 2 & 0x7FF) * 4
    if flag not in (1, 2):
        raise FormatError("no packed unwind data", expected="flag 1 or 2", found=f"{flag}")
    ints, floats, homes, cr = word >> 16 & 0xF, word >> 13 & 7, word >> 20 & 1, word >> 21 & 3
    saves = _saves(ints, floats, bool(homes), cr)
    local_size = (word >> 23) * 16 - sum(code.size for code in saves)
    if local_size < 0 or ints > 10:
        raise FormatError("impossible packed unwind data", expected="a frame for all registers", found=f"{word:#x}")
    signed = [Code(Op.PAC_SIGN_LR)] if cr == 2 else []
    # Epilogues have no counterpart of setting the frame pointer: what the body took from the stack is given back first.
    link = [Code(Op.SET_FP)] if cr in (2, 3) else []
    locals_ = _locals(local_size, cr)
    home = [Code(Op.NOP)] * (4 * homes)
    if homes and not ints and not floats and cr != 1:  # the first of them made room
        home, saves = [Code(Op.NOP)] * 3, [Code(Op.ALLOC, size=saves[0].size)]
    return PackedRecord(
        length,
        flag == 2,
        _whole([*link, *locals_, *home, *saves, *signed]),
        _whole([*locals_, *saves, *signed]),
    )


def _whole(codes: Sequence[Code]) -> CodeSequence:
    return CodeSequence(tuple(codes), len(codes))


# Saves of registers, the last one first; the first instruction makes room for all.
def _saves(ints: int, floats: int, homes: bool, cr: int) -> list[Code]:
    names = [f"x{19 + number}" for number in range(ints)]
    pairs = [tuple(names[at : at + 2]) for at in range(0, ints, 2)]
    if cr == 1 and ints % 2:
        pairs[-1] += ("lr",)
    elif cr == 1:
        pairs.append(("lr",))
    if floats:
        doubles = [f"d{8 + number}" for number in range(floats + 1)]
        pairs += [tuple(doubles[at : at + 2]) for at in range(0, floats + 1, 2)]
    count = sum(map(len, pairs))
    size = (8 * count + 64 * homes + 15) // 16 * 16
    codes, at = list[Code](), 0
    for registers in pairs:
        codes.append(Code(Op.SAVE, registers, at, 0 if at else size))
        at += 8 * len(registers)
    return codes[::-1] if codes or not homes else [Code(Op.ALLOC, size=size)]


_FIRST_STEP = 4080
"""Most bytes that the first of two subtractions takes from the stack pointer."""


def _locals(size: int, cr: int) -> list[Code]:
    linked = cr in (2, 3)
    if linked and 0 < size <= 512:
        return [Code(Op.SAVE, ("fp", "lr"), 0, size)]
    steps = [size] if size <= _FIRST_STEP else [size - _FIRST_STEP, _FIRST_STEP]
    allocated = [Code(Op.ALLOC, size=step) for step in steps if step]
    return [Code(Op.SAVE, ("fp", "lr"), 0), *allocated] if linked else allocated
