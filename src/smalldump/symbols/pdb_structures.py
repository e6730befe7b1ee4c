"""The fields of structures, unions and classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from smalldump.errors import SymbolError
from smalldump.layout.codeview import Leaf, MemberLeaf, RecordHead
from smalldump.model.types import StructField, StructType
from smalldump.symbols.pdb_aggregates import AGGREGATES, Aggregate, Aggregates
from smalldump.symbols.pdb_type_names import TypeNames
from smalldump.symbols.pdb_types import TypeRecords, numeric
from smalldump.symbols.streams import Stream

__all__ = ["Structures"]

_PADDING = 0xF0
_MEMBER = MemberLeaf.unpacker("leaf", "attr", "index")
_HEAD_SIZE = MemberLeaf.SIZE
_INTRODUCES_VIRTUAL = frozenset((4, 6))
_MOST_FIELDS = 0x2000
_DEEPEST = 16


class Structures:
    """The structures of one PDB, by name (a `TypeLookup`)."""

    def __init__(self, types: TypeRecords) -> None:
        self._types = types
        self._aggregates = Aggregates(types)
        self._names = TypeNames(types, self._aggregates)

    def type_named(self, name: str) -> StructType | None:
        """The structure, union or class called `name`; fields of base classes are listed as its own.

        Raises:
            SymbolError: A record of it is malformed.
        """
        found = self._aggregates.named(name)
        if found is None:
            return None
        fields = sorted(self._fields(found, 0, _DEEPEST), key=lambda field: (field.offset, field.bit_position or 0))
        return StructType(found.name, found.size, tuple(fields))

    def _fields(self, owner: Aggregate, base: int, depth: int) -> Iterator[StructField]:
        for kind, index, offset, name in self._members(owner.fields):
            if kind == Leaf.BCLASS:
                yield from self._inherited(index, base + offset, depth)
            else:
                yield self._field(name, base + offset, index)

    def _field(self, name: str, offset: int, index: int) -> StructField:
        found = self._names.of(index)
        position, length = found.bits or (None, None)
        return StructField(name, offset, found.size, str(found), position, length)

    def _inherited(self, index: int, base: int, depth: int) -> Iterator[StructField]:
        at = self._types.at(index)
        if depth and at is not None and self._types.kind(at) in AGGREGATES:
            yield from self._fields(self._aggregates.defined(self._aggregates.read(at)), base, depth - 1)

    def _members(self, index: int) -> Iterator[tuple[int, int, int, str]]:
        """Members and base classes of a field list and those that continue it: kind, type, offset, name."""
        count, seen = 0, set()
        while index and index not in seen:
            seen.add(index)
            part = self._field_list(index)
            index = 0
            for at, kind in _leaves(part):
                count += 1
                if count > _MOST_FIELDS:
                    raise SymbolError("a structure has too many fields", expected=f"at most {_MOST_FIELDS:,}")
                if kind == Leaf.INDEX:
                    index = part.u32(at + MemberLeaf.index.offset)
                elif kind in (Leaf.MEMBER, Leaf.BCLASS):
                    offset, behind = numeric(part, at + _HEAD_SIZE)
                    name = part.text(behind) if kind == Leaf.MEMBER else ""
                    yield kind, part.u32(at + MemberLeaf.index.offset), offset, name
                elif kind == Leaf.VFUNCTAB:
                    yield kind, part.u32(at + MemberLeaf.index.offset), 0, "__VFN_table"

    def _field_list(self, index: int) -> Stream:
        at = self._types.at(index)
        if at is None or self._types.kind(at) != Leaf.FIELDLIST:
            raise SymbolError("no field list at its index", found=f"{index:#x}")
        size = self._types.stream.u16(at) - 2
        return self._types.stream.part(at + RecordHead.SIZE, size, "a field list")


def _leaves(part: Stream) -> Iterator[tuple[int, int]]:
    """Offset and kind of each leaf of a field list.

    Raises:
        SymbolError: A leaf is of unknown kind, so that the next cannot be found.
    """
    at = 0
    while at + 2 <= len(part):
        padding = part.u16(at) & 0xFF
        if padding > _PADDING:
            at += padding & 0x0F
            continue
        kind = part.u16(at)
        behind = _BEHIND.get(kind)
        if behind is None:
            raise SymbolError("unknown leaf in a field list", offset=at, found=f"{kind:#x}")
        yield at, kind
        at = behind(part, at)


def _behind_member(part: Stream, at: int) -> int:
    return part.behind_text(numeric(part, at + _HEAD_SIZE)[1])


def _behind_base(part: Stream, at: int) -> int:
    return numeric(part, at + _HEAD_SIZE)[1]


def _behind_virtual_base(part: Stream, at: int) -> int:
    return numeric(part, numeric(part, at + _HEAD_SIZE + 4)[1])[1]


def _behind_method(part: Stream, at: int) -> int:
    introduces = (part.u16(at + MemberLeaf.attr.offset) >> 2) & 7 in _INTRODUCES_VIRTUAL
    return part.behind_text(at + _HEAD_SIZE + 4 * introduces)


def _behind_enumerator(part: Stream, at: int) -> int:
    return part.behind_text(numeric(part, at + 4)[1])


def _behind_head(_part: Stream, at: int) -> int:
    return at + _HEAD_SIZE


def _behind_named_head(part: Stream, at: int) -> int:
    return part.behind_text(at + _HEAD_SIZE)


_BEHIND: dict[int, Callable[[Stream, int], int]] = {
    Leaf.MEMBER: _behind_member,
    Leaf.BCLASS: _behind_base,
    Leaf.VBCLASS: _behind_virtual_base,
    Leaf.IVBCLASS: _behind_virtual_base,
    Leaf.ONEMETHOD: _behind_method,
    Leaf.ENUMERATE: _behind_enumerator,
    Leaf.INDEX: _behind_head,
    Leaf.VFUNCTAB: _behind_head,
    Leaf.STMEMBER: _behind_named_head,
    Leaf.METHOD: _behind_named_head,
    Leaf.NESTTYPE: _behind_named_head,
}
