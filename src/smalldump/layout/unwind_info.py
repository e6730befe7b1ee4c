"""`UNWIND_INFO` of x64: what the prologue of a function did to the stack, so that it can be undone.

    header        version and flags, size of the prologue, number of code slots, frame register
    UNWIND_CODE   two bytes a slot, the last operation of the prologue first; padded to an even number of slots
    then          a RUNTIME_FUNCTION (flag CHAININFO), or the RVA of a handler and its data

Version 2 puts UWOP_EPILOG codes first: the first tells the bytes of each epilogue (from its first `pop` on) and whether
one ends the function; the others tell how far before the function's end an epilogue begins, 0 being a filler.

Source: Microsoft's "x64 exception handling"; version 2: LLVM's writer of the same records, checked against images.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import NamedTuple

from smalldump.errors import FormatError, Truncated
from smalldump.layout.pe import RuntimeFunctionX64
from smalldump.layout.record import Buffer, Record, u8

__all__ = [
    "REGISTERS",
    "Op",
    "UnwindCode",
    "UnwindFlag",
    "UnwindInfo",
    "UnwindInfoHeader",
    "parse_unwind_info",
    "unwind_info_size",
]

REGISTERS = (
    *("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"),
    *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"),
)
"""Integer registers by their number in codes and in the header."""


class Op(IntEnum):
    """Unwind operations, `UWOP_*`."""

    PUSH_NONVOL = 0
    ALLOC_LARGE = 1
    ALLOC_SMALL = 2
    SET_FPREG = 3
    SAVE_NONVOL = 4
    SAVE_NONVOL_FAR = 5
    EPILOG = 6
    SPARE = 7
    SAVE_XMM128 = 8
    SAVE_XMM128_FAR = 9
    PUSH_MACHFRAME = 10


class UnwindFlag(IntFlag):
    """Flags of the header, `UNW_FLAG_*`."""

    EHANDLER = 1
    UHANDLER = 2
    CHAININFO = 4


class UnwindInfoHeader(Record, size=0x04):
    """The fixed part of `UNWIND_INFO`."""

    version_and_flags = u8(0x0, "Version in bits 0-2, Flags in bits 3-7")
    size_of_prolog = u8(0x1, "bytes")
    count_of_codes = u8(0x2, "slots of two bytes")
    frame_register_and_offset = u8(0x3, "FrameRegister in bits 0-3 (0: none), FrameOffset in bits 4-7, 16 bytes each")


class UnwindCode(NamedTuple):
    """One operation of the prologue.

    Attributes:
        offset: Of the end of its instruction, bytes from the start of the function.
        op: What it did.
        info: Number of the register; of PUSH_MACHFRAME whether there is an error code.
        value: Bytes allocated, or the save slot's distance from the frame's base in bytes; else 0.
    """

    offset: int
    op: Op
    info: int
    value: int


class UnwindInfo(NamedTuple):
    """A decoded record.

    Attributes:
        frame_register: Name of the frame register, or None.
        frame_offset: Bytes from the frame's base up to where the frame register points.
        codes: The last operation first; without UWOP_EPILOG.
        epilog_size: Version 2: bytes of each epilogue, from its first `pop` on; else 0.
        epilogs: Version 2: where epilogues begin, bytes before the function's end.
        chained: The function entry (begin, end, unwind data) whose prologue ran before this one's, or None.
        handler: RVA of the exception or termination handler, or None.
    """

    version: int
    flags: UnwindFlag
    size_of_prolog: int
    frame_register: str | None
    frame_offset: int
    codes: tuple[UnwindCode, ...]
    epilog_size: int
    epilogs: tuple[int, ...]
    chained: tuple[int, int, int] | None
    handler: int | None


def unwind_info_size(start: Buffer) -> int:
    """Bytes of the record that begins with `start`, the handler's data aside; its first four bytes tell."""
    header = UnwindInfoHeader(start)
    flags, count = UnwindFlag(header.version_and_flags >> 3 & 7), header.count_of_codes
    behind = RuntimeFunctionX64.SIZE if flags & UnwindFlag.CHAININFO else 4 if flags else 0
    return header.SIZE + 2 * (count + count % 2) + behind


def parse_unwind_info(data: Buffer) -> UnwindInfo:
    """Decode the record that begins at the first byte of `data`.

    Raises:
        Truncated: `data` ends within the record.
        FormatError: Its version or one of its codes is none that is known.
    """
    header = UnwindInfoHeader(data)
    version, flags = header.version_and_flags & 7, UnwindFlag(header.version_and_flags >> 3 & 7)
    if version not in (1, 2):
        raise FormatError("unknown UNWIND_INFO", offset=0, expected="version 1 or 2", found=f"{version}")
    count = header.count_of_codes
    end = header.SIZE + 2 * (count + count % 2)
    slots = memoryview(data)[header.SIZE : header.SIZE + 2 * count]
    if len(slots) < 2 * count:
        raise Truncated("UNWIND_INFO is cut", offset=header.SIZE, expected=f"{count} codes", found=f"{len(slots) // 2}")
    first = _epilog_slots(slots) if version == 2 else 0
    register = header.frame_register_and_offset & 0xF
    return UnwindInfo(
        version,
        flags,
        header.size_of_prolog,
        REGISTERS[register] if register else None,
        (header.frame_register_and_offset >> 4) * 16,
        tuple(_codes(slots[2 * first :])),
        slots[0] if first else 0,
        _epilogs(slots[: 2 * first]),
        _chained(data, end) if flags & UnwindFlag.CHAININFO else None,
        _handler(data, end) if flags and not flags & UnwindFlag.CHAININFO else None,
    )


def _epilog_slots(slots: memoryview) -> int:
    count = 0
    while 2 * count < len(slots) and slots[2 * count + 1] & 0xF == Op.EPILOG:
        count += 1
    return count


def _epilogs(slots: memoryview) -> tuple[int, ...]:
    pairs = [(slots[at], slots[at + 1] >> 4) for at in range(0, len(slots), 2)]
    last = [pairs[0][0]] if pairs and pairs[0][1] & 1 else []
    return (*last, *(low | high << 8 for low, high in pairs[1:] if low | high))


def _chained(data: Buffer, at: int) -> tuple[int, int, int]:
    entry = RuntimeFunctionX64(data, at)
    return entry.begin_address, entry.end_address, entry.unwind_info_address


def _handler(data: Buffer, at: int) -> int | None:
    found = memoryview(data)[at : at + 4]
    return int.from_bytes(found, "little") if len(found) == 4 else None


def _codes(slots: memoryview) -> list[UnwindCode]:
    codes, at = [], 0
    while at < len(slots):
        offset, low, info = slots[at], slots[at + 1] & 0xF, slots[at + 1] >> 4
        extra = _extra(low, info, at)
        rest = slots[at + 2 : at + 2 + 2 * extra]
        if len(rest) < 2 * extra:
            raise Truncated("an unwind code is cut", offset=4 + at, expected=f"{extra} slots more", found="fewer")
        codes.append(UnwindCode(offset, Op(low), info, _value(Op(low), info, rest)))
        at += 2 + 2 * extra
    return codes


_EXTRA = {
    Op.PUSH_NONVOL: 0,
    Op.ALLOC_LARGE: 1,
    Op.ALLOC_SMALL: 0,
    Op.SET_FPREG: 0,
    Op.SAVE_NONVOL: 1,
    Op.SAVE_NONVOL_FAR: 2,
    Op.SAVE_XMM128: 1,
    Op.SAVE_XMM128_FAR: 2,
    Op.PUSH_MACHFRAME: 0,
}
"""Slots behind the first one."""


def _extra(op: int, info: int, at: int) -> int:
    extra = _EXTRA.get(op)  # type: ignore[call-overload]
    if extra is None or (op in (Op.ALLOC_LARGE, Op.PUSH_MACHFRAME) and info > 1):
        raise FormatError("unknown unwind code", offset=4 + at, expected="UWOP_*", found=f"{op}, {info}")
    return int(extra) + (op == Op.ALLOC_LARGE and info == 1)


def _value(op: Op, info: int, rest: memoryview) -> int:
    if op is Op.ALLOC_SMALL:
        return info * 8 + 8
    if len(rest) == 4:
        return int(struct.unpack("<I", rest)[0])
    scale = {Op.ALLOC_LARGE: 8, Op.SAVE_NONVOL: 8, Op.SAVE_XMM128: 16}
    return int.from_bytes(rest, "little") * scale.get(op, 1)
