"""Structures, unions and classes: found by name, and their definition where a record only says that there is one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from smalldump.layout.codeview import ClassLeaf, Leaf, PropertyFlags, UnionLeaf
from smalldump.symbols.pdb_types import TypeRecords, numeric

__all__ = ["AGGREGATES", "Aggregate", "Aggregates", "hashed_name"]

AGGREGATES: dict[int, type[ClassLeaf] | type[UnionLeaf]] = {
    Leaf.CLASS: ClassLeaf,
    Leaf.STRUCTURE: ClassLeaf,
    Leaf.INTERFACE: ClassLeaf,
    Leaf.UNION: UnionLeaf,
}
"""The records of types that have fields."""
_MOST_ALIKE = 32  # records of one hash value that are looked at
_TO_LOWER = 0x20202020


class Aggregate(NamedTuple):
    """A structure, union or class as its record tells.

    Attributes:
        name: Of the type.
        unique_name: Its decorated name, or an empty string.
        size: Bytes; 0 of a forward reference.
        fields: Index of its field list.
        is_forward: Whether the record only says that there is such a type.
    """

    name: str
    unique_name: str
    size: int
    fields: int
    is_forward: bool


class Aggregates:
    """The structures, unions and classes of one PDB."""

    def __init__(self, types: TypeRecords) -> None:
        self._types = types

    def read(self, at: int) -> Aggregate:
        """What the record at offset `at` says.

        Raises:
            SymbolError: It is malformed.
        """
        stream = self._types.stream
        kind = AGGREGATES[self._types.kind(at)]
        leaf = stream.record(kind, at)
        size, behind = numeric(stream, at + kind.SIZE)
        name, unique = self._types.text(at, behind - at), ""
        if leaf.property & PropertyFlags.HASUNIQUENAME:
            unique = self._types.text(at, stream.behind_text(behind) - at)
        return Aggregate(name, unique, size, leaf.field, bool(leaf.property & PropertyFlags.FWDREF))

    def defined(self, known: Aggregate) -> Aggregate:
        """The definition behind a forward reference; the reference itself where there is none."""
        return (self.named(known.name, known.unique_name) or known) if known.is_forward else known

    def named(self, name: str, unique_name: str = "") -> Aggregate | None:
        """The definition of that name; where several have it, the one of that unique name before others.

        Raises:
            SymbolError: Its record is malformed.
        """
        hashes = [hashed_name(each) for each in (name, unique_name) if each]
        alike = [each for hashed in hashes for each in islice(self._hashed(hashed), _MOST_ALIKE) if each.name == name]
        if not alike:
            at = self._definitions.get(name)
            return None if at is None else self.read(at)
        return next((each for each in alike if each.unique_name == unique_name), alike[0])

    def _hashed(self, hashed: int) -> Iterator[Aggregate]:
        for index in self._types.in_bucket(hashed):
            at = self._types.at(index)
            if at is not None and self._types.kind(at) in AGGREGATES:
                found = self.read(at)
                if not found.is_forward:
                    yield found

    @cached_property
    def _definitions(self) -> dict[str, int]:
        """Offsets by name, for what the hash does not find: local types, PDBs without hash."""
        places = [at for _, kind, at in self._types if kind in AGGREGATES]
        read = ((self.read(at), at) for at in reversed(places))
        return {found.name: at for found, at in read if not found.is_forward}


def hashed_name(name: str) -> int:
    """The hash of a name, before it is taken modulo the number of buckets.

    Source: `hashStringV1`, described in LLVM's "The PDB TPI and IPI Streams" and microsoft-pdb (misc.h, `HashPbCb`).
    """
    data = name.encode()
    whole = len(data) & ~3
    result = 0
    for at in range(0, whole, 4):
        result ^= int.from_bytes(data[at : at + 4], "little")
    tail = data[whole:]
    result ^= int.from_bytes(tail[:2], "little") if len(tail) >= 2 else 0
    result ^= tail[-1] if len(tail) & 1 else 0
    result |= _TO_LOWER
    result ^= result >> 11
    return result ^ (result >> 16)
