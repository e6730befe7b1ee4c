"""The debugger data block: its valid bytes, and its words by name."""

from __future__ import annotations

from smalldump.layout.debugger_data import DebuggerDataHeader, KdDebuggerData64
from smalldump.model.absent import Absent

__all__ = ["debugger_words", "valid_block"]

_NAMES = tuple(field.name for field in KdDebuggerData64.FIELDS if field.name != "owner_tag")
_ENDS = tuple((field.name, field.end) for field in KdDebuggerData64.FIELDS if field.name != "owner_tag")
_WORDS = KdDebuggerData64.unpacker(*_NAMES)


def valid_block(block: memoryview) -> memoryview | Absent:
    """The bytes of a debugger data block as far as its own header says that they are valid."""
    if len(block) < DebuggerDataHeader.SIZE:
        return Absent.CORRUPT
    head = DebuggerDataHeader(block)
    return block[: head.size] if head.owner_tag == b"KDBG" else Absent.CORRUPT


def debugger_words(block: memoryview) -> dict[str, int]:
    """Words of a debugger data block by name; fields behind its end are not in it."""
    valid = len(block)
    record = KdDebuggerData64(bytes(block[: KdDebuggerData64.SIZE]).ljust(KdDebuggerData64.SIZE, b"\0"))
    unpacked = _WORDS.unpack(record.data)
    return {name: word for (name, end), word in zip(_ENDS, unpacked, strict=True) if end <= valid}
