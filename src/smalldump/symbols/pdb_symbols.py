"""A module's own symbols: procedures with their sizes, thunks, static variables.

They are indexed when the module is first asked about. Where a procedure says where it ends, what is inside is passed
over.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from smalldump.errors import SymbolError
from smalldump.layout.codeview import DataSym32, ProcSym32, RecordHead, Sym, ThunkSym32
from smalldump.symbols.pdb_inlines import Site, sites_at
from smalldump.symbols.streams import Stream

__all__ = ["ModuleSymbol", "ModuleSymbols", "records"]

_HEAD = RecordHead.unpacker("reclen", "rectyp")
_PROCEDURE = ProcSym32.unpacker("p_end", "len", "off", "seg")
_THUNK = ThunkSym32.unpacker("p_end", "off", "seg", "len")
_DATA = DataSym32.unpacker("off", "seg")

_PROCEDURES = frozenset(
    (
        Sym.LPROC32,
        Sym.GPROC32,
        Sym.LPROC32_ID,
        Sym.GPROC32_ID,
        Sym.LPROC32_DPC,
        Sym.LPROC32_DPC_ID,
        Sym.LPROC32_ST,
        Sym.GPROC32_ST,
    )
)
_THUNKS = frozenset((Sym.THUNK32, Sym.THUNK32_ST))
_VARIABLES = frozenset((Sym.LDATA32, Sym.GDATA32, Sym.LDATA32_ST, Sym.GDATA32_ST))
_COUNTED = frozenset(kind for kind in Sym if kind.name.endswith("_ST"))
_NAME_AT: dict[int, int] = {
    **dict.fromkeys(_PROCEDURES, ProcSym32.SIZE),
    **dict.fromkeys(_THUNKS, ThunkSym32.SIZE),
    **dict.fromkeys(_VARIABLES, DataSym32.SIZE),
}
_SIGNATURE_SIZE = 4


class ModuleSymbol(NamedTuple):
    """A symbol of a module, without its name.

    Attributes:
        section, offset: Where it begins.
        size: Bytes of code; None of a variable.
        at: Offset of its record.
        inside: Offsets of its inner symbols: from the first to the record that ends them; of others an empty range.
    """

    section: int
    offset: int
    size: int | None
    at: int
    inside: range


class _Sorted:
    """Symbols by section and offset."""

    def __init__(self, symbols: list[ModuleSymbol]) -> None:
        self.symbols = symbols
        self._places = [(each.section, each.offset) for each in symbols]

    def last(self, section: int, offset: int) -> ModuleSymbol | None:
        """The last one in `section` at or before `offset`."""
        index = bisect_right(self._places, (section, offset)) - 1
        return self.symbols[index] if index >= 0 and self.symbols[index].section == section else None


class ModuleSymbols:
    """The symbols of one module.

    Attributes:
        stream: Their records.

    Raises:
        SymbolError: The records do not follow one another.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        found = sorted(_top_level(stream), key=lambda each: (each.section, each.offset, each.size or 0))
        self._code = _Sorted([each for each in found if each.size is not None])
        self._variables = _Sorted([each for each in found if each.size is None])

    def __iter__(self) -> Iterator[ModuleSymbol]:
        """All of them: code, then variables, each by section and offset."""
        return chain(self._code.symbols, self._variables.symbols)

    def nearest(self, section: int, offset: int) -> ModuleSymbol | None:
        """The procedure or thunk that holds a place; else the last symbol in `section` at or before it.

        Variables inside of procedures (jump tables) do not name the code behind them.
        """
        code = self._code.last(section, offset)
        if code is not None and offset - code.offset < (code.size or 0):
            return code
        variable = self._variables.last(section, offset)
        return code if variable is None or (code is not None and code.offset >= variable.offset) else variable

    def name(self, symbol: ModuleSymbol) -> str:
        """The name of one of these symbols, undecorated."""
        length, kind = self.stream.unpack(_HEAD, symbol.at)
        at = symbol.at + _NAME_AT[kind]
        if kind in _COUNTED:
            return self.stream.counted_text(at)
        return self.stream.text(at, symbol.at + 2 + length)

    def inlined_at(self, symbol: ModuleSymbol, distance: int) -> list[Site]:
        """What is inlined into a procedure `distance` bytes from its start, innermost first."""
        return sites_at(self.stream, records(self.stream, symbol.inside.start, symbol.inside.stop), distance)


def records(stream: Stream, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The symbol records between two offsets: offset, kind, offset behind.

    Raises:
        SymbolError: A record is too short to have a kind, or goes beyond the end.
    """
    data, end = stream.data, min(end, len(stream))
    while at + RecordHead.SIZE <= end:
        length, kind = _HEAD.unpack_from(data, at)
        behind = at + 2 + length
        if length < 2 or behind > end:
            raise SymbolError(f"a record of {stream.name} has no end", offset=at, found=f"{length:#x} bytes")
        yield at, kind, behind
        at = behind


def _top_level(stream: Stream) -> Iterator[ModuleSymbol]:
    at, end = _SIGNATURE_SIZE, len(stream)
    while at + RecordHead.SIZE <= end:
        at, kind, behind = next(records(stream, at, end))
        symbol = _symbol(stream, at, kind, behind)
        if symbol is not None:
            yield symbol
            behind = max(behind, symbol.inside.stop)
        at = behind


def _symbol(stream: Stream, at: int, kind: int, behind: int) -> ModuleSymbol | None:
    if kind in _PROCEDURES:
        last, size, offset, section = _unpack(stream, _PROCEDURE, at, behind)
        return ModuleSymbol(section, offset, size, at, _inside(stream, behind, last))
    if kind in _THUNKS:
        last, offset, section, size = _unpack(stream, _THUNK, at, behind)
        return ModuleSymbol(section, offset, size, at, _inside(stream, behind, last))
    if kind in _VARIABLES:
        offset, section = _unpack(stream, _DATA, at, behind)
        return ModuleSymbol(section, offset, None, at, range(0))
    return None


def _unpack(stream: Stream, codec: struct.Struct, at: int, behind: int) -> tuple[int, ...]:
    if at + codec.size > behind:
        raise SymbolError(f"a record of {stream.name} is too short", offset=at, found=f"{behind - at:#x} bytes")
    return codec.unpack_from(stream.data, at)


def _inside(stream: Stream, first: int, last: int) -> range:
    return range(first, last) if first <= last <= len(stream) - RecordHead.SIZE else range(first, first)
