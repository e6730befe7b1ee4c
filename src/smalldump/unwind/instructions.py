"""x64 instructions, as far as they move the stack pointer or save and restore registers.

Decoded by capstone, which is imported when the first instruction is asked for; its text is read, since capstone gives
that thirty times as fast as operands. Source: Intel SDM volume 2; Microsoft's x64 calling convention.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import cache, lru_cache
from typing import Any, NamedTuple

from smalldump.memory import AddressSpace

__all__ = ["VOLATILE", "Instruction", "Instructions", "Kind", "can_decode"]

_BATCH = 16
"""Instructions that are decoded at once."""
_LONGEST = 15
_MOST_LOOKS = 40_000
"""Instructions that are looked at in all: some ten times as many as the longest real stacks need."""
_QUADS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp")
_WHOLE = {
    part: quad
    for quad in _QUADS
    for part in (
        quad,
        f"e{quad[1:]}",
        quad[1:],
        *((f"{quad[1]}l", f"{quad[1]}h") if quad[2] == "x" else (f"{quad[1:]}l",)),
    )
} | {f"r{number}{suffix}": f"r{number}" for number in range(8, 16) for suffix in ("", "d", "w", "b")}
VOLATILE = frozenset({"rax", "rcx", "rdx", "r8", "r9", "r10", "r11"})
"""Registers whose values do not survive a call."""
_LEFT_BY_CALL = VOLATILE - {"rax"}


class Kind(Enum):
    """What an instruction does, seen from the stack."""

    OTHER = auto()
    MOVE = auto()
    LOAD = auto()
    PUSH = auto()
    POP = auto()
    LEAVE = auto()
    CALL = auto()
    JUMP = auto()
    BRANCH = auto()
    RETURN = auto()
    STOP = auto()


class Instruction(NamedTuple):
    """An instruction.

    Attributes:
        written: The general register that it changes, by its 64-bit name.
        base, displacement: Of MOVE: the register that is copied, and what is added; of LOAD: the word's address. Of
            others: the memory operand that is read or written. `base` is None where it is more than these two.
        target: Where JUMP and BRANCH lead, if that is in the instruction.
        reads: Registers that it reads of those that a call leaves undefined; `flags` among them.
        sets: All registers that it writes, likewise with `flags`.
    """

    kind: Kind
    written: str | None = None
    base: str | None = None
    displacement: int = 0
    target: int | None = None
    reads: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()


class Instructions:
    """The code of a dump, decoded where somebody looks, and once; only so much of it that time stays short."""

    def __init__(self, memory: AddressSpace) -> None:
        self._memory = memory
        self._known: dict[int, tuple[Instruction, int]] = {}
        self._looks = _MOST_LOOKS

    def at(self, address: int) -> tuple[Instruction, int] | None:
        """The instruction at `address` and the address behind it; None where the dump lacks it or nothing decodes."""
        self._looks -= 1
        if address not in self._known and self._looks > 0:
            self._decode(address)
        return self._known.get(address) if self._looks > 0 else None

    def is_none(self, address: int) -> bool:
        """Whether the bytes at `address`, which the dump holds, are no instruction."""
        return self.at(address) is None and self._looks > 0

    def _decode(self, address: int) -> None:
        code = self._memory.read_some(address, _BATCH * _LONGEST)
        for start, size, mnemonic, operands in _decoder().disasm_lite(code, address, _BATCH):
            if start in self._known:
                return
            self._known[start] = _read(mnemonic, operands), start + size


@cache
def can_decode() -> bool:
    """Whether capstone is there."""
    try:
        _decoder()
    except ImportError:
        return False
    return True


@cache
def _decoder() -> Any:
    import capstone

    return capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)


_MEMORY = re.compile(r"\[([^\]]*)\]")
_PLAIN = re.compile(r"(r\w+)(?: ([+-]) (0x[0-9a-f]+|\d+))?")
_REGISTER = re.compile(rf"\b(?:{'|'.join(sorted(_WHOLE, key=len, reverse=True))})\b")
_STOPS = frozenset(
    {"int3", "ud2", "ud0", "hlt", "iretq", "iret", "sysretq", "sysret", "retf", "retfq", "int", "int1", "sysexit"}
)
_NO_RESULT = frozenset({"cmp", "test", "push", "bt", "nop", "prefetchw", "prefetchnta", "prefetcht0"})
_OVERWRITES = ("mov", "lea", "set", "pop", "cvt", "pmov", "bsf", "bsr", "lzcnt", "tzcnt", "popcnt", "rd", "str", "sldt")
_NO_FLAGS = (
    "mov",
    "lea",
    "nop",
    "push",
    "pop",
    "not",
    "xchg",
    "cvt",
    "v",
    "p",
    "set",
    "cmov",
    "bswap",
    "cdq",
    "cqo",
    "cwd",
    "rdtsc",
    "cpuid",
    "lfence",
    "mfence",
    "sfence",
)
_IMPLICIT = {
    **dict.fromkeys(("mul", "div", "idiv", "imul"), frozenset({"rax", "rdx"})),
    **dict.fromkeys(("cdq", "cqo", "cwd"), frozenset({"rdx"})),
    "cpuid": frozenset({"rax", "rbx", "rcx", "rdx"}),
    **dict.fromkeys(("rdtsc", "rdmsr", "rdpmc", "xgetbv"), frozenset({"rax", "rdx"})),
    "rdtscp": frozenset({"rax", "rcx", "rdx"}),
    "syscall": frozenset({"rcx", "r11"}),
    **dict.fromkeys(("cmpxchg", "lodsb", "lodsd", "lodsq"), frozenset({"rax"})),
}
_ONES = (-1, 0xFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
_STRING = re.compile(r"(rep\w* )?(movs|stos|lods|scas|cmps)[bwdq]$")
_STRING_REGISTERS = frozenset({"rsi", "rdi", "rcx"})


@lru_cache(4096)
def _read(mnemonic: str, operands: str) -> Instruction:
    name = mnemonic.rpartition(" ")[2]
    if name == "ret":
        return Instruction(Kind.RETURN)
    if name in _STOPS:
        return Instruction(Kind.STOP)
    if name[0] == "j" or name.startswith("loop"):
        kind = Kind.JUMP if name == "jmp" else Kind.BRANCH
        return Instruction(kind, target=_number(operands), reads=_reads_of_branch(name, operands))
    if name == "call":
        return Instruction(Kind.CALL)
    return _effect(name, operands, _STRING.match(mnemonic) is not None)


def _number(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None


def _reads_of_branch(name: str, operands: str) -> frozenset[str]:
    if name == "jmp":
        return frozenset(_WHOLE[part] for part in _REGISTER.findall(operands)) & _LEFT_BY_CALL
    return frozenset({"rcx"}) if "cxz" in name or "loop" in name else frozenset({"flags"})


def _effect(name: str, operands: str, string: bool) -> Instruction:
    target, _, rest = operands.partition(", ")
    written = None if name in _NO_RESULT else _WHOLE.get(target)
    base, displacement = _place(operands)
    reads, sets = _uses(name, target, rest, operands, written)
    if string:
        sets |= _STRING_REGISTERS
    kind = _kind(name, target, written, rest)
    if kind is Kind.MOVE and "[" not in operands:
        base, displacement = _copied(name, target, rest)
        kind = Kind.OTHER if base is None else kind
    elif kind in (Kind.MOVE, Kind.LOAD) and base is None:
        kind = Kind.OTHER
    return Instruction(kind, written, base, displacement, None, reads, sets)


# The memory operand, where it is a register and a displacement.
def _place(operands: str) -> tuple[str | None, int]:
    memory = _MEMORY.search(operands)
    if memory is None or operands[memory.start() - 1 : memory.start()] == ":":
        return None, 0
    plain = _PLAIN.fullmatch(memory[1])
    if plain is None or plain[1] not in _WHOLE:
        return None, 0
    return plain[1], int(f"{plain[2]}{plain[3]}", 0) if plain[2] else 0


def _kind(name: str, target: str, written: str | None, rest: str) -> Kind:
    if name in ("push", "pushfq"):
        return Kind.PUSH
    if name in ("pop", "popfq"):
        return Kind.POP
    if name == "leave":
        return Kind.LEAVE
    if written is None or target != written:
        return Kind.OTHER
    if name == "mov" and "[" in rest:
        return Kind.LOAD if rest.startswith("qword") else Kind.OTHER
    return Kind.MOVE if name in ("mov", "lea", "add", "sub") and "ptr" not in rest else Kind.OTHER


def _copied(name: str, target: str, rest: str) -> tuple[str | None, int]:
    if target not in _QUADS and not re.fullmatch(r"r\d+", target):
        return None, 0
    if name == "mov":
        return (rest, 0) if rest in _WHOLE and _WHOLE[rest] == rest else (None, 0)
    amount = _number(rest)
    if amount is None:
        return None, 0
    return target, amount if name == "add" else -amount


def _uses(
    name: str, target: str, rest: str, operands: str, written: str | None
) -> tuple[frozenset[str], frozenset[str]]:
    overwrites = written is not None and name.startswith(_OVERWRITES)
    zeroes = name in ("xor", "sub") and target == rest
    zeroes = zeroes or (name == "or" and _number(rest) in _ONES) or (name == "and" and rest == "0")
    text = "" if zeroes or name == "nop" else rest if overwrites or (name == "imul" and "," in rest) else operands
    reads = {_WHOLE[part] for part in _REGISTER.findall(text)} & _LEFT_BY_CALL
    if name.startswith(("set", "cmov")) or (name in ("adc", "sbb") and not zeroes):
        reads.add("flags")
    sets = set(_IMPLICIT.get(name, ()))
    if written is not None:
        sets.add(written)
    if name == "xchg" and rest in _WHOLE:
        sets.add(_WHOLE[rest])
    if not name.startswith(_NO_FLAGS):
        sets.add("flags")
    return frozenset(reads), frozenset(sets)
