"""Names of items (the IPI stream): the functions that inline sites refer to."""

from __future__ import annotations

from smalldump.layout.codeview import FuncIdLeaf, Leaf
from smalldump.symbols.pdb_aggregates import AGGREGATES, Aggregates
from smalldump.symbols.pdb_types import TypeRecords

__all__ = ["Items"]

_STRING_AT = 8


class Items:
    """The items of one PDB.

    Args:
        items: The IPI stream, or None where there is none.
        types: The TPI stream, in which the classes of member functions are.
    """

    def __init__(self, items: TypeRecords | None, types: TypeRecords | None) -> None:
        self._items, self._types = items, types

    def name(self, item: int) -> str:
        """The qualified name of a function: `std::vector<int>::size`; where the item is not there, its number.

        Raises:
            SymbolError: Its record is malformed.
        """
        at = self._items.at(item) if self._items else None
        if self._items is None or at is None:
            return f"<item {item:#x}>"
        kind = self._items.kind(at)
        if kind not in (Leaf.FUNC_ID, Leaf.MFUNC_ID):
            return f"<item {item:#x}>"
        scope = self._items.stream.record(FuncIdLeaf, at).scope_id
        name = self._items.text(at, FuncIdLeaf.SIZE)
        owner = self._class(scope) if kind == Leaf.MFUNC_ID else self._string(scope)
        return f"{owner}::{name}" if owner else name

    def _string(self, item: int) -> str:
        at = self._items.at(item) if self._items else None
        if self._items is None or at is None or self._items.kind(at) != Leaf.STRING_ID:
            return ""
        return self._items.text(at, _STRING_AT)

    def _class(self, index: int) -> str:
        at = self._types.at(index) if self._types else None
        if self._types is None or at is None or self._types.kind(at) not in AGGREGATES:
            return ""
        return Aggregates(self._types).read(at).name
