"""ARM64 instructions, as far as they move the stack pointer or save and restore registers.

Instructions are words of 32 bits, told apart by a few of them. Source: Arm ARM C4.1 (encodings), C6.2 (BL, LDP, STR and
their kin), K16 (hints).
"""

from __future__ import annotations

from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from smalldump.memory import AddressSpace
from smalldump.unwind.callsite import arm64_call

__all__ = ["Instruction", "Kind", "Words", "decoded"]

_REGISTERS = (*(f"x{number}" for number in range(29)), "fp", "lr")
_BASES = (*_REGISTERS, "sp")
_RESULTS = (*_REGISTERS, None)
"""Names by number; 31 is the stack pointer in addresses and additions, the zero register elsewhere."""
_BATCH = 64
_MOST_LOOKS = 60_000
"""Instructions that are looked at in all: some ten times as many as the longest real stacks need."""


class Kind(Enum):
    """What an instruction does, seen from the stack."""

    OTHER = auto()
    SIGN = auto()
    MOVE = auto()
    LOAD = auto()
    STORE = auto()
    CALL = auto()
    JUMP = auto()
    BRANCH = auto()
    RETURN = auto()
    STOP = auto()


class Instruction(NamedTuple):
    """An instruction.

    Attributes:
        registers: Those that it writes, of LOAD and STORE those that lie side by side from the address on, 8 bytes
            each; None is one that does not matter.
        base, distance: Of MOVE the register that is copied, and what is added; of LOAD and STORE the address.
        change: What LOAD and STORE add to `base`.
        target: Where JUMP and BRANCH lead, relative to the instruction; None where a register says so.
    """

    kind: Kind
    registers: tuple[str | None, ...] = ()
    base: str | None = None
    distance: int = 0
    change: int = 0
    target: int | None = None


class Words:
    """The code of a dump, read where somebody looks, and once; only so much of it that time stays short."""

    def __init__(self, memory: AddressSpace) -> None:
        self._memory = memory
        self._known: dict[int, int] = {}
        self._looks = _MOST_LOOKS

    def at(self, address: int) -> Instruction | None:
        """The instruction at `address`; None where the dump lacks it."""
        self._looks -= 1
        if self._looks <= 0:
            return None
        word = self._known.get(address)
        if word is None:
            self._read(address)
            word = self._known.get(address)
        return None if word is None else decoded(word)

    def _read(self, address: int) -> None:
        code = self._memory.read_some(address, 4 * _BATCH)
        for at in range(0, len(code) - 3, 4):
            self._known[address + at] = int.from_bytes(code[at : at + 4], "little")


@lru_cache(8192)
def decoded(word: int) -> Instruction:
    """What the instruction `word` does."""
    group = word >> 25 & 0xF
    if group & 0b1110 == 0b1010:
        return _branch(word)
    if group & 0b0101 == 0b0100:
        return _memory(word)
    if group & 0b1110 == 0b1000:
        return _immediate(word)
    if group & 0b0111 == 0b0101:
        return _register(word)
    if group & 0b0111 == 0b0111:
        return Instruction(Kind.OTHER, (_RESULTS[word & 31],) if _from_vector(word) else ())
    return Instruction(Kind.STOP if word >> 16 == 0 else Kind.OTHER)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def _branch(word: int) -> Instruction:
    if word >> 24 == 0xD4:
        return Instruction(Kind.OTHER if word & 0xE0001F == 1 else Kind.STOP)  # SVC comes back
    if word >> 26 == 0b000101:
        return Instruction(Kind.JUMP, target=4 * _signed(word & 0x3FFFFFF, 26))
    if word & 0x7E000000 == 0x34000000 or word & 0xFF000000 == 0x54000000:
        return Instruction(Kind.BRANCH, target=4 * _signed(word >> 5 & 0x7FFFF, 19))
    if word & 0x7E000000 == 0x36000000:
        return Instruction(Kind.BRANCH, target=4 * _signed(word >> 5 & 0x3FFF, 14))
    return _by_register(word) or _system(word)


def _by_register(word: int) -> Instruction | None:
    if arm64_call(word.to_bytes(4, "little"), 0).found:
        return Instruction(Kind.CALL)
    if word & 0xFFFFFC1F == 0xD65F0000:
        return Instruction(Kind.RETURN, base=_RESULTS[word >> 5 & 31])
    if word & 0xFFFFFBFF == 0xD65F0BFF:
        return Instruction(Kind.RETURN, base="lr")
    return Instruction(Kind.JUMP) if word & 0xFEFFF000 == 0xD61F0000 else None


def _system(word: int) -> Instruction:
    if word & 0xFFFFFF3F == 0xD503233F:
        return Instruction(Kind.SIGN if word & 0x80 == 0 else Kind.OTHER)  # PACIASP, PACIBSP; the others are AUT
    if word >> 25 == 0b1101011:
        return Instruction(Kind.STOP)  # ERET, DRPS
    return Instruction(Kind.OTHER, (_RESULTS[word & 31],) if word & 0xFFF00000 == 0xD5300000 else ())  # MRS


# Loads and stores. Of vector and narrow registers only the address matters.
def _memory(word: int) -> Instruction:
    if word & 0x3A000000 == 0x28000000:
        return _pair(word)
    if word & 0x3B000000 == 0x39000000:
        return _single(word, (word >> 10 & 0xFFF) << _scale(word), 0b00)
    if word & 0x3B200000 == 0x38000000:
        return _single(word, _signed(word >> 12 & 0x1FF, 9), word >> 10 & 3)
    general = not word >> 26 & 1
    written = (_RESULTS[word & 31], _RESULTS[word >> 16 & 31]) if general else ()
    return Instruction(Kind.OTHER, written)


def _scale(word: int) -> int:
    return 4 if word & 0x04800000 == 0x04800000 else word >> 30


def _pair(word: int) -> Instruction:
    size, vector = word >> 30, word >> 26 & 1
    distance = _signed(word >> 15 & 0x7F, 7) << (2 + size if vector else 2 + (size >> 1))
    kind = _transfer(size == 2, word >> 22 & 1 == 1, word)
    return _access(kind, (_RESULTS[word & 31], _RESULTS[word >> 10 & 31]), word, distance, word >> 23 & 3)


def _single(word: int, distance: int, mode: int) -> Instruction:
    kind = _transfer(word >> 30 == 3 and word >> 22 & 3 < 2, word >> 22 & 3 != 0, word)
    return _access(kind, (_RESULTS[word & 31],), word, distance, mode)


# LOAD and STORE are those of whole general registers; None stores something else.
def _transfer(whole: bool, load: bool, word: int) -> Kind | None:
    general = not word >> 26 & 1
    if whole and general:
        return Kind.LOAD if load else Kind.STORE
    return Kind.OTHER if load and general else None


# The mode: 1 changes the base afterwards, 3 before.
def _access(kind: Kind | None, registers: tuple[str | None, ...], word: int, distance: int, mode: int) -> Instruction:
    base, change = _BASES[word >> 5 & 31], distance if mode & 1 else 0
    at = 0 if mode == 1 else distance
    return Instruction(kind or Kind.OTHER, registers if kind else (), base, at, change)


def _immediate(word: int) -> Instruction:
    if word & 0x9F800000 == 0x91000000:
        amount = (word >> 10 & 0xFFF) << (12 if word >> 22 & 1 else 0)
        keeps = word >> 29 & 1 == 0
        written = (_BASES if keeps else _RESULTS)[word & 31]
        if written is None:
            return Instruction(Kind.OTHER)
        return Instruction(Kind.MOVE, (written,), _BASES[word >> 5 & 31], -amount if word >> 30 & 1 else amount)
    logical = word & 0x1F800000 == 0x12000000 and word >> 29 & 3 != 3
    return Instruction(Kind.OTHER, ((_BASES if logical else _RESULTS)[word & 31],))


def _register(word: int) -> Instruction:
    if word & 0xFFE0FFE0 == 0xAA0003E0:
        copied, written = _RESULTS[word >> 16 & 31], _RESULTS[word & 31]
        return Instruction(Kind.OTHER if copied is None or written is None else Kind.MOVE, (written,), copied)
    extended = word & 0x3FE00000 == 0x0B200000
    compares = word & 0x1FE00000 == 0x1A400000
    return Instruction(Kind.OTHER, () if compares else ((_BASES if extended else _RESULTS)[word & 31],))


def _from_vector(word: int) -> bool:
    moved = word & 0xBFE0EC00 == 0x0E002C00
    return moved or (word & 0x5F20FC00 == 0x1E200000 and word >> 16 & 7 not in (2, 3))
