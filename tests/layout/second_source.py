"""Offsets as the format reference states them, to hold the declared layouts against.

A table reads `offset size Name`, offset and size in hexadecimal, names as Microsoft spells them.
"""

from __future__ import annotations

from smalldump.layout.record import Record

__all__ = ["declared", "plain", "stated"]


def plain(name: str) -> str:
    """A field name without what spelling conventions add: `BStoreOffset` and `b_store_offset` are one."""
    return name.replace("_", "").lower()


def stated(table: str) -> dict[str, tuple[int, int]]:
    """Name -> (offset, size) of a table."""
    lines = [line.split() for line in table.replace("\n", " ").split(",")]
    found = {plain(name): (int(offset, 16), int(size, 16)) for offset, size, name in lines}
    assert len(found) == len(lines)
    return found


def declared(record: type[Record]) -> dict[str, tuple[int, int]]:
    """Name -> (offset, size) of a record class."""
    return {plain(field.name): (field.offset, field.size) for field in record.FIELDS}
