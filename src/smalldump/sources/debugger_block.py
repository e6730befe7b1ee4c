"""The debugger data block: its valid bytes, its words by name, and the form that small dumps keep it in."""

from __future__ import annotations

from smalldump.layout.debugger_data import DebuggerDataHeader, KdDebuggerData64
from smalldump.memory import AddressSpace
from smalldump.model.absent import Absent
from smalldump.model.machine import Machine

__all__ = ["block_in_memory", "debugger_words", "valid_block"]

_NAMES = tuple(field.name for field in KdDebuggerData64.FIELDS if field.name != "owner_tag")
_ENDS = tuple((field.name, field.end) for field in KdDebuggerData64.FIELDS if field.name != "owner_tag")
_WORDS = KdDebuggerData64.unpacker(*_NAMES)


def valid_block(block: memoryview) -> memoryview | Absent:
    """The bytes of a debugger data block as far as its own header says that they are valid."""
    if len(block) < DebuggerDataHeader.SIZE:
        return Absent.CORRUPT
    head = DebuggerDataHeader(block)
    return block[: head.size] if head.owner_tag == b"KDBG" else Absent.CORRUPT


def block_in_memory(memory: AddressSpace, machine: Machine, address: int) -> memoryview | Absent:
    """The debugger data block at `address` in the form in which small dumps hold it.

    In the memory of a 32-bit machine the two links of its list are 32 bits wide; dbgeng widens them. Source: observed
    with Microsoft's engine.

    Returns:
        Its valid bytes; Absent.NOT_CAPTURED where there is no memory, CORRUPT where it is no plain block.
    """
    data = memory.read_some(address, KdDebuggerData64.SIZE)
    if not data:
        return Absent.NOT_CAPTURED
    block = valid_block(memoryview(data))
    if isinstance(block, Absent) or machine.bits == 64:
        return block
    links = (int.from_bytes(block[at : at + 4], "little") for at in (0, 4))
    return memoryview(b"".join(link.to_bytes(8, "little") for link in links) + bytes(block[16:]))


def debugger_words(block: memoryview) -> dict[str, int]:
    """Words of a debugger data block by name; fields behind its end are not in it."""
    valid = len(block)
    record = KdDebuggerData64(bytes(block[: KdDebuggerData64.SIZE]).ljust(KdDebuggerData64.SIZE, b"\0"))
    unpacked = _WORDS.unpack(record.data)
    return {name: word for (name, end), word in zip(_ENDS, unpacked, strict=True) if end <= valid}
