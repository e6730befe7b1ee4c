"""Names and sizes of types, as C writes them: `unsigned long`, `_LIST_ENTRY`, `void*`, `unsigned char[15]`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from smalldump.layout.codeview import (
    FIRST_TYPE_INDEX,
    ArrayLeaf,
    BitfieldLeaf,
    EnumLeaf,
    Leaf,
    ModifierLeaf,
    PointerLeaf,
)
from smalldump.symbols.pdb_aggregates import AGGREGATES, Aggregates
from smalldump.symbols.pdb_types import TypeRecords, numeric

__all__ = ["TypeName", "TypeNames"]

_DEEPEST = 64
_LONGEST = 4096  # characters of a name; Microsoft's compilers shorten names to as many

_BASIC = {
    0x00: ("<no type>", None),
    0x03: ("void", None),
    0x08: ("HRESULT", 4),
    0x10: ("signed char", 1),
    0x11: ("short", 2),
    0x12: ("long", 4),
    0x13: ("__int64", 8),
    0x14: ("__int128", 16),
    0x20: ("unsigned char", 1),
    0x21: ("unsigned short", 2),
    0x22: ("unsigned long", 4),
    0x23: ("unsigned __int64", 8),
    0x24: ("unsigned __int128", 16),
    0x30: ("bool", 1),
    0x31: ("__bool16", 2),
    0x32: ("__bool32", 4),
    0x33: ("__bool64", 8),
    0x40: ("float", 4),
    0x41: ("double", 8),
    0x42: ("long double", 10),
    0x43: ("__float128", 16),
    0x44: ("__float48", 6),
    0x46: ("__half", 2),
    0x68: ("__int8", 1),
    0x69: ("unsigned __int8", 1),
    0x70: ("char", 1),
    0x71: ("wchar_t", 2),
    0x72: ("__int16", 2),
    0x73: ("unsigned __int16", 2),
    0x74: ("int", 4),
    0x75: ("unsigned int", 4),
    0x76: ("__int64", 8),
    0x77: ("unsigned __int64", 8),
    0x78: ("__int128", 16),
    0x79: ("unsigned __int128", 16),
    0x7A: ("char16_t", 2),
    0x7B: ("char32_t", 4),
    0x7C: ("char8_t", 1),
}
"""Built-in types by the low byte of their index: name and bytes. Source: TYPE_ENUM_e of cvinfo.h."""
_POINTER_BYTES = {1: 2, 2: 4, 3: 4, 4: 4, 5: 6, 6: 8, 7: 16}
"""Bytes of a pointer to a built-in type, by the mode in bits 8 to 10 of the index."""
_NULLPTR = 0x0103
_SIGNS = {1: "&", 4: "&&"}
"""How references are written, by the mode of the pointer."""


class TypeName(NamedTuple):
    """How a type is called.

    Attributes:
        text: Without `const` and `volatile`.
        size: Bytes, or None where it is not known.
        counts: Of an array, its numbers of elements, outermost first; `text` is that of the elements.
        bits: Of a bit field, its lowest bit and its length.
    """

    text: str
    size: int | None
    counts: tuple[int, ...] = ()
    bits: tuple[int, int] | None = None

    def __str__(self) -> str:
        return self.text + "".join(f"[{count}]" for count in self.counts)


UNKNOWN = TypeName("<unknown>", None)
"""Of an index that no type has."""


class TypeNames:
    """Names and sizes of the types of one PDB."""

    def __init__(self, types: TypeRecords, aggregates: Aggregates) -> None:
        self._types, self._aggregates = types, aggregates
        self._known: dict[int, TypeName] = {}

    def of(self, index: int, depth: int = _DEEPEST) -> TypeName:
        """The type of that index; of types nested too deep, or in a circle, the outer part alone.

        Raises:
            SymbolError: Its record, or one that it refers to, is malformed.
        """
        if index < FIRST_TYPE_INDEX:
            return _basic(index)
        if index not in self._known:
            at = self._types.at(index) if depth else None
            self._known[index] = UNKNOWN if at is None else self._read(at, depth - 1)
        return self._known[index]

    def _read(self, at: int, depth: int) -> TypeName:
        kind = self._types.kind(at)
        if kind in AGGREGATES:
            found = self._aggregates.defined(self._aggregates.read(at))
            return TypeName(_shown(found.name), None if found.is_forward else found.size)
        reader = _READERS.get(kind)
        return reader(self, at, depth) if reader else UNKNOWN

    def _modified(self, at: int, depth: int) -> TypeName:
        return self.of(self._types.stream.record(ModifierLeaf, at).type, depth)

    def _pointer(self, at: int, depth: int) -> TypeName:
        leaf = self._types.stream.record(PointerLeaf, at)
        size, mode = (leaf.attr >> 13) & 0x3F, (leaf.attr >> 5) & 7
        return TypeName(f"{self.of(leaf.utype, depth)}{_SIGNS.get(mode, '*')}", size or None)

    def _array(self, at: int, depth: int) -> TypeName:
        leaf = self._types.stream.record(ArrayLeaf, at)
        size, _ = numeric(self._types.stream, at + ArrayLeaf.SIZE)
        element = self.of(leaf.elemtype, depth)
        count = size // element.size if element.size else 0
        return TypeName(element.text, size, (count, *element.counts))

    def _bit_field(self, at: int, depth: int) -> TypeName:
        leaf = self._types.stream.record(BitfieldLeaf, at)
        return self.of(leaf.type, depth)._replace(bits=(leaf.position, leaf.length))

    def _enumeration(self, at: int, depth: int) -> TypeName:
        leaf = self._types.stream.record(EnumLeaf, at)
        return TypeName(_shown(self._types.text(at, EnumLeaf.SIZE)), self.of(leaf.utype, depth).size)

    def _function(self, _at: int, _depth: int) -> TypeName:
        return TypeName("function", None)


_READERS: dict[int, Callable[[TypeNames, int, int], TypeName]] = {
    Leaf.MODIFIER: TypeNames._modified,
    Leaf.POINTER: TypeNames._pointer,
    Leaf.ARRAY: TypeNames._array,
    Leaf.BITFIELD: TypeNames._bit_field,
    Leaf.ENUM: TypeNames._enumeration,
    Leaf.PROCEDURE: TypeNames._function,
    Leaf.MFUNCTION: TypeNames._function,
}


def _shown(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _basic(index: int) -> TypeName:
    if index == _NULLPTR:
        return TypeName("std::nullptr_t", None)
    text, size = _BASIC.get(index & 0xFF, UNKNOWN[:2])
    mode = (index >> 8) & 7
    return TypeName(f"{text}*", _POINTER_BYTES[mode]) if mode else TypeName(text, size)
