"""Paper to write structures on: bytes, fields at literal offsets, and a memory of what was written where."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.synth.tables import Table

__all__ = ["Paper", "Span", "Value", "align", "pack"]

Value = int | bytes


@dataclass(frozen=True)
class Span:
    """A named piece of the file: byte offset and length."""

    offset: int
    size: int

    @property
    def end(self) -> int:
        """Offset of the first byte behind it."""
        return self.offset + self.size


def align(offset: int, step: int = 8) -> int:
    """The next multiple of `step`."""
    return (offset + step - 1) // step * step


def pack(code: str, value: Value) -> bytes:
    """One value in `struct` code `code`: negative and oversized numbers are cut to the field's width."""
    if isinstance(value, bytes):
        return struct.pack("<" + code, value)
    size = struct.calcsize("<" + code)
    return (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")


class Paper:
    """A growing file with names for all its pieces."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.names: dict[str, Span] = {}

    def place(self, name: str, data: bytes, step: int = 8) -> int:
        """Append `data` at the next multiple of `step`; returns its offset."""
        self.data += bytes(align(len(self.data), step) - len(self.data))
        offset = len(self.data)
        self.data += data
        self.names[name] = Span(offset, len(data))
        return offset

    def name(self, name: str, offset: int, size: int) -> None:
        """Remember that the piece `name` is there."""
        self.names[name] = Span(offset, size)

    def names_of(self, prefix: str, offset: int, table: Table) -> None:
        """Remember all fields of a structure as `prefix.field`."""
        for field, (at, code) in table.items():
            self.names[f"{prefix}.{field}"] = Span(offset + at, struct.calcsize("<" + code))

    def write(self, prefix: str, offset: int, table: Table, **values: Value | None) -> None:
        """Write fields of a structure that lies at `offset`; None leaves a field as it is."""
        self.names_of(prefix, offset, table)
        for field, value in values.items():
            if value is None:
                continue
            at, code = table[field]
            raw = pack(code, value)
            if isinstance(value, bytes):
                raw = raw[: len(value)] if len(value) < len(raw) else raw
            self.data[offset + at : offset + at + len(raw)] = raw
