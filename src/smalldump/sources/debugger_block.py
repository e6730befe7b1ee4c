"""The debugger data block: its valid bytes, its words by name, and the form that small dumps keep it in."""

from __future__ import annotations

from smalldump.addresses import sign_extended
from smalldump.layout.debugger_data import DebuggerDataHeader, KdDebuggerData64
from smalldump.memory import AddressSpace
from smalldump.model.absent import Absent
from smalldump.model.machine import Machine

__all__ = ["block_in_memory", "debugger_words", "valid_block"]

_NAMES = tuple(field.name for field in KdDebuggerData64.FIELDS if field.name != "owner_tag")
_ENDS = tuple((field.name, field.end) for field in KdDebuggerData64.FIELDS if field.name != "owner_tag")
_WORDS = KdDebuggerData64.unpacker(*_NAMES)
_POINTERS = tuple(field.offset for field in KdDebuggerData64.FIELDS if field.size == 8)[2:]
_HIGH = 1 << 31


def valid_block(block: memoryview) -> memoryview | Absent:
    """The bytes of a debugger data block as far as its own header says that they are valid."""
    if len(block) < DebuggerDataHeader.SIZE:
        return Absent.CORRUPT
    head = DebuggerDataHeader(block)
    return block[: head.size] if head.owner_tag == b"KDBG" else Absent.CORRUPT


def block_in_memory(memory: AddressSpace, machine: Machine, address: int) -> memoryview | Absent:
    """The debugger data block at `address` in the form in which small dumps hold it.

    In the memory of a 32-bit machine the two links of its list are 32 bits wide, and its pointers may not be
    sign-extended: dbgeng writes both in the wide form. Source: observed with Microsoft's engine.

    Returns:
        Its valid bytes; Absent.NOT_CAPTURED where there is no memory, CORRUPT where it is no plain block.
    """
    data = memory.read_some(address, KdDebuggerData64.SIZE)
    if not data:
        return Absent.NOT_CAPTURED
    block = valid_block(memoryview(data))
    return block if isinstance(block, Absent) or machine.bits == 64 else _widened(block)


def _widened(block: memoryview) -> memoryview:
    wide = bytearray(block)
    for at in (0, 4):
        wide[2 * at : 2 * at + 8] = int.from_bytes(block[at : at + 4], "little").to_bytes(8, "little")
    for at in _POINTERS:
        pointer = int.from_bytes(block[at : at + 8], "little")
        if at + 8 <= len(block) and _HIGH <= pointer < _HIGH << 1:
            wide[at : at + 8] = sign_extended(pointer).to_bytes(8, "little")
    return memoryview(wide)


def debugger_words(block: memoryview) -> dict[str, int]:
    """Words of a debugger data block by name; fields behind its end are not in it."""
    valid = len(block)
    record = KdDebuggerData64(bytes(block[: KdDebuggerData64.SIZE]).ljust(KdDebuggerData64.SIZE, b"\0"))
    unpacked = _WORDS.unpack(record.data)
    return {name: word for (name, end), word in zip(_ENDS, unpacked, strict=True) if end <= valid}
