"""Whether an x64 function is being left: the legal ends of epilogues, decoded.

An epilogue takes away the fixed part of the frame (`add rsp` or `lea rsp`), pops the pushed registers and ends with a
`ret` or a jump to another function. Up to its first `pop` the frame is as it was in the body.
Source: Microsoft's x64 calling convention, "Prolog and epilog".
"""

from __future__ import annotations

from typing import NamedTuple

from smalldump.layout.unwind_info import REGISTERS

__all__ = ["REACH", "Ending", "ending"]

REACH = 48
"""Bytes from the program counter on that hold what is left of an epilogue: pops of all registers, and a jump."""
_POP, _POPS = 0x58, 8
_REX, _REX_W, _REX_B = 0x40, 8, 1


class Ending(NamedTuple):
    """What is left of an epilogue.

    Attributes:
        pops: Registers that are still popped, in order.
        target: Where the jump that ends it goes, bytes from the program counter; None for `ret` and jumps through
            pointers.
    """

    pops: tuple[str, ...]
    target: int | None


def ending(code: bytes) -> Ending | None:
    """Read the rest of an epilogue at the first byte of `code`; None where it is something else."""
    pops, at = list[str](), 0
    while (found := _pop(code, at)) is not None:
        register, at = found
        pops.append(register)
    if _returns(code, at):
        return Ending(tuple(pops), None)
    return _jump(code, at, tuple(pops))


def _pop(code: bytes, at: int) -> tuple[str, int] | None:
    high = 0
    if code[at : at + 1] and code[at] & 0xF0 == _REX:
        high = (code[at] & _REX_B) << 3
        at += 1
    if code[at : at + 1] and _POP <= code[at] < _POP + _POPS:
        return REGISTERS[code[at] - _POP + high], at + 1
    return None


# ret; with a prefix for old branch predictors or for MPX; with a count of bytes, which no compiler uses.
def _returns(code: bytes, at: int) -> bool:
    return code[at : at + 1] in (b"\xc3", b"\xc2") or code[at : at + 2] in (b"\xf3\xc3", b"\xf2\xc3")


# A jump through a register or pointer that ends a function has a REX.W prefix, unlike those of switch statements.
def _jump(code: bytes, at: int, pops: tuple[str, ...]) -> Ending | None:
    for opcode, width in ((0xE9, 4), (0xEB, 1)):
        distance = code[at + 1 : at + 1 + width]
        if code[at : at + 1] == bytes([opcode]) and len(distance) == width:
            return Ending(pops, at + 1 + width + int.from_bytes(distance, "little", signed=True))
    wide = len(code) > at and code[at] & 0xF8 == _REX | _REX_W
    at += wide
    is_jump = code[at : at + 1] == b"\xff" and len(code) > at + 1 and code[at + 1] >> 3 & 7 == 4
    return Ending(pops, None) if is_jump and (wide or code[at + 1] == 0x25) else None
