"""The programs of FRAMEDATA records, which say in postfix notation where x86 code finds its caller's registers.

`$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $ebp $T0 4 - ^ =` reads: T0 is where the return address lies; the
caller's EIP is the word there, its ESP what follows, its EBP the word below. MSVC calls saved registers by their
numbers in CodeView: `$23 $T0 20 - ^ =` restores ESI. Source: documentation of Microsoft's DIA SDK
(IDiaFrameData.program, IDiaStackWalkFrame, CV_HREG_e); programs that MSVC and clang write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from smalldump.memory import AddressSpace

__all__ = ["Evaluation", "evaluate"]

LONGEST = 2048
"""Characters of the longest program that is run; compilers write less than 300."""
_MASK = 0xFFFFFFFF
_SEARCHES = (".raSearch", ".raSearchStart")
_NUMBERED = ("$eax", "$ecx", "$edx", "$ebx", "$esp", "$ebp", "$esi", "$edi")
_REGISTERS = {f"${number}": name for number, name in enumerate(_NUMBERED, 17)}
"""CodeView's numbers of registers (CV_REG_EAX is 17), which programs use as names."""


class Evaluation(NamedTuple):
    """What a program leaves behind.

    Attributes:
        values: Registers (`$ebp`) and variables (`$T0`) after it: what was given, and what it assigned.
        assigned: The names that it assigned.
        slot: Where the search for the return address ended, if the program asked for one.
    """

    values: Mapping[str, int]
    assigned: frozenset[str]
    slot: int | None


class _Failed(Exception):
    """The program cannot be run: malformed, or it needs something that is not known."""


def evaluate(
    program: str, given: Mapping[str, int], memory: AddressSpace, search: Callable[[], int | None]
) -> Evaluation | None:
    """Run a program, or return None where it is malformed or needs what is not there.

    Args:
        given: Registers (`$esp`) and sizes (`.cbLocals`) that it may use.
        search: Finds the slot of the return address, for `.raSearch` and `.raSearchStart`; asked at most once.
    """
    if len(program) > LONGEST:
        return None
    run = _Run(given, memory, search)
    try:
        for token in _tokens(program):
            run.step(token)
    except (_Failed, IndexError):
        return None
    return None if run.stack else Evaluation(run.values, frozenset(run.assigned), run.slot)


@lru_cache(maxsize=1024)
def _tokens(program: str) -> tuple[str, ...]:
    return tuple(_REGISTERS.get(token, token) for token in program.split())


class _Run:
    # Operands stay names until an operator wants their value: the left side of `=` is a name.
    def __init__(self, given: Mapping[str, int], memory: AddressSpace, search: Callable[[], int | None]) -> None:
        self.values, self.memory, self.search = dict(given), memory, search
        self.stack: list[str | int] = []
        self.assigned: set[str] = set()
        self.slot: int | None = None

    def step(self, token: str) -> None:
        if token == "=":
            value, name = self._value(), self.stack.pop()
            if not isinstance(name, str) or not name.startswith("$"):
                raise _Failed
            self.values[name] = value
            self.assigned.add(name)
        elif token == "^":
            self.stack.append(self._word(self._value()))
        elif (operation := _OPERATIONS.get(token)) is not None:
            right, left = self._value(), self._value()
            self.stack.append(operation(left, right) & _MASK)
        else:
            self.stack.append(token)

    def _value(self) -> int:
        operand = self.stack.pop()
        if isinstance(operand, int):
            return operand
        if operand in _SEARCHES:
            return self._found()
        if (value := self.values.get(operand)) is not None:
            return value
        try:
            return int(operand, 0) & _MASK
        except ValueError:
            raise _Failed from None

    def _word(self, address: int) -> int:
        if (word := self.memory.word(address, 4)) is None:
            raise _Failed
        return word

    def _found(self) -> int:
        if self.slot is None:
            self.slot = self.search()
        if self.slot is None:
            raise _Failed
        return self.slot


def _divided(left: int, right: int) -> int:
    if not right:
        raise _Failed
    return left // right


def _remainder(left: int, right: int) -> int:
    if not right:
        raise _Failed
    return left % right


# `@` aligns downwards: `$T1 8 - 16 @`.
def _aligned(left: int, right: int) -> int:
    return left - _remainder(left, right)


_OPERATIONS: Mapping[str, Callable[[int, int], int]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divided,
    "%": _remainder,
    "@": _aligned,
}
