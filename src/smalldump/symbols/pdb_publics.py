"""Public symbols: searched by address as they lie in the file, through the publics' address map."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from smalldump.errors import SymbolError
from smalldump.layout.codeview import PubSym32, Sym
from smalldump.layout.msf import PsGsiHdr
from smalldump.symbols.search import SortedTable
from smalldump.symbols.streams import Stream

__all__ = ["Public", "Publics"]

_OFFSET = struct.Struct("<I")
_PLACE = PubSym32.unpacker("off", "seg")
_RECORD = PubSym32.unpacker("reclen", "rectyp", "pubsymflags", "off", "seg")


class Public(NamedTuple):
    """A public symbol.

    Attributes:
        name: Decorated, as the linker knew it.
        section, offset: Where it begins.
        flags: `PubSymFlags`.
    """

    name: str
    section: int
    offset: int
    flags: int


class Publics:
    """The public symbols of a PDB.

    Args:
        hash_stream: The publics' stream, which holds the address map.
        records: The stream of symbol records.
    """

    def __init__(self, hash_stream: Stream, records: Stream) -> None:
        head = hash_stream.record(PsGsiHdr, 0)
        self._map = hash_stream.part(PsGsiHdr.SIZE + head.cb_sym_hash, head.cb_addr_map, "the publics' address map")
        self._records = records
        self._table = SortedTable(head.cb_addr_map // _OFFSET.size, self._place)

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[Public]:
        """All of them, by section and offset."""
        return map(self._at, range(len(self._table)))

    def nearest(self, section: int, offset: int) -> tuple[int, int] | None:
        """The last one in `section` at or before `offset`: its index in address order, and its offset.

        Raises:
            SymbolError: The map leads out of the symbol records.
        """
        try:
            index = self._table.last_up_to((section, offset))
            place = self._place(index) if index >= 0 else (0, 0)
        except struct.error:
            raise SymbolError("the publics' address map leads out of the symbol records") from None
        return (index, place[1]) if place[0] == section else None

    def first_like(self, index: int) -> Public:
        """The public symbol of that index; of several at one place the first in the map."""
        return self._at(self._table.first_like(index))

    def _place(self, index: int) -> tuple[int, int]:
        (at,) = _OFFSET.unpack_from(self._map.data, index * 4)
        offset, section = _PLACE.unpack_from(self._records.data, at)
        return section, offset

    def _at(self, index: int) -> Public:
        at = self._map.u32(index * 4)
        length, kind, flags, offset, section = self._records.unpack(_RECORD, at)
        if kind not in (Sym.PUB32, Sym.PUB32_ST):
            raise SymbolError("the publics' address map leads to no public symbol", offset=at, found=f"{kind:#x}")
        if kind == Sym.PUB32_ST:
            name = self._records.counted_text(at + PubSym32.SIZE)
        else:
            name = self._records.text(at + PubSym32.SIZE, at + 2 + length)
        return Public(name, section, offset, flags)
