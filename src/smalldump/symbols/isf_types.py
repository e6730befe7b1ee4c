"""Structure types of a symbol file of Volatility."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smalldump.errors import SymbolError
from smalldump.model.types import StructField, StructType

__all__ = ["IsfTypes", "integer", "member"]

_DEEPEST = 32
_LONGEST = 4096  # characters of a name
_MOST_FIELDS = 0x2000
_LARGEST = 1 << 32  # bytes of a type
_MICROSOFTS = {
    "long long": "__int64",
    "unsigned long long": "unsigned __int64",
    "wchar": "wchar_t",
    "Void": "void",
}
"""Base types that the symbol file calls otherwise than Microsoft's compiler."""


class _TypeName(NamedTuple):
    """How a type is called, its bytes where known, and of an array the numbers of elements, outermost first."""

    text: str
    size: int | None
    counts: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.text + "".join(f"[{count}]" for count in self.counts)


class IsfTypes:
    """Types by name (a `TypeLookup`).

    Args:
        document: The whole symbol file, parsed.
    """

    def __init__(self, document: Mapping[str, object]) -> None:
        self._base = member(document, "base_types")
        self._structures = member(document, "user_types")
        self._enumerations = member(document, "enums")

    def type_named(self, name: str) -> StructType | None:
        """The structure, union or class called `name`; fields by offset.

        Raises:
            SymbolError: Its description is malformed.
        """
        if name not in self._structures:
            return None
        described = member(self._structures, name)
        fields = member(described, "fields")
        if len(fields) > _MOST_FIELDS:
            raise SymbolError(f"the structure {name[:80]!r} has too many fields", found=f"{len(fields):,}")
        found = [self._field(key, member(fields, key)) for key in fields]
        found.sort(key=lambda field: (field.offset, field.bit_position or 0))
        return StructType(name, integer(described, "size", _LARGEST), tuple(found))

    def _field(self, name: str, described: Mapping[str, object]) -> StructField:
        of = member(described, "type")
        position = length = None
        if of.get("kind") == "bitfield":
            position, length = integer(of, "bit_position", 128), integer(of, "bit_length", 129)
            of = member(of, "type")
        found = self._name(of, _DEEPEST)
        # Descriptions made by hand have fields in front of the structure, too.
        offset = integer(described, "offset", _LARGEST, least=-_LARGEST)
        return StructField(name, offset, found.size, str(found), position, length)

    def _name(self, described: Mapping[str, object], depth: int) -> _TypeName:
        if not depth:
            raise SymbolError("types are nested too deep", expected=f"at most {_DEEPEST} levels")
        kind = described.get("kind")
        if kind == "pointer":
            base = described.get("base", "pointer")
            target = self._name(member(described, "subtype"), depth - 1)
            return _TypeName(f"{target}*", _size(self._base, base))
        if kind == "array":
            return self._array(described, depth)
        if kind == "function":
            return _TypeName("function", None)
        return self._named(described, kind)

    def _array(self, described: Mapping[str, object], depth: int) -> _TypeName:
        element = self._name(member(described, "subtype"), depth - 1)
        count = integer(described, "count", _LARGEST)
        size = None if element.size is None else element.size * count
        return _TypeName(element.text, size, (count, *element.counts))

    def _named(self, described: Mapping[str, object], kind: object) -> _TypeName:
        name = described.get("name")
        if not isinstance(name, str) or len(name) > _LONGEST:
            raise SymbolError("a type has no name", found=repr(described)[:80])
        if kind == "base":
            return _TypeName(_MICROSOFTS.get(name, name), _size(self._base, name))
        if kind == "enum":
            return _TypeName(name, _size(self._enumerations, name))
        if kind in ("struct", "union", "class"):
            return _TypeName(name, _size(self._structures, name))
        raise SymbolError("a type is of no known kind", found=repr(kind)[:80])


def _size(table: Mapping[str, object], name: object) -> int | None:
    """Bytes of what is called so, where the table says; nothing has the size 0 but `void`."""
    described = table.get(name) if isinstance(name, str) else None
    size = described.get("size") if isinstance(described, dict) else None
    return size if isinstance(size, int) and 0 < size < _LARGEST else None


def member(parent: Mapping[str, object], key: str) -> Mapping[str, object]:
    """The JSON object under `key`.

    Raises:
        SymbolError: There is none.
    """
    found = parent.get(key)
    if not isinstance(found, dict):
        raise SymbolError(f"the symbol file's {key[:80]!r} is malformed", expected="an object", found=repr(found)[:80])
    return found


def integer(parent: Mapping[str, object], key: str, limit: int, least: int = 0) -> int:
    """The integer under `key`, from `least` up to but not including `limit`.

    Raises:
        SymbolError: There is none.
    """
    found = parent.get(key)
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found < limit:
        raise SymbolError(
            f"the symbol file's {key!r} is malformed", expected=f"an integer below {limit:#x}", found=repr(found)[:80]
        )
    return found
