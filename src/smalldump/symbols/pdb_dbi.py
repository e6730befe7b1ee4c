"""The DBI stream: modules, which bytes of the image come from which of them, and where all else is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from smalldump.errors import SymbolError
from smalldump.layout.msf import (
    NO_STREAM,
    ContributionVersion,
    DbgHdr,
    ModInfo,
    NewDbiHdr,
    SectionContribution,
    SectionContribution2,
)
from smalldump.symbols.search import SortedTable
from smalldump.symbols.streams import Stream

__all__ = ["Contributions", "Dbi", "Modules", "PdbModule"]

_SIGNATURE = 0xFFFFFFFF
_CONTRIBUTIONS = {
    ContributionVersion.SC: SectionContribution,
    ContributionVersion.SC2: SectionContribution2,
}
_MODULE = ModInfo.unpacker("sn", "cb_syms", "cb_lines", "cb_c13_lines")


class PdbModule(NamedTuple):
    """A module (object file) of the program, and what its stream holds.

    Attributes:
        name: As the linker saw it; of an object file in a library the name inside.
        stream: Number of its stream, or None where it has none (private symbols were stripped).
        symbols_size, old_lines_size, lines_size: Bytes of symbols, of old lines, of line subsections, in that order.
    """

    name: str
    stream: int | None
    symbols_size: int
    old_lines_size: int
    lines_size: int


class Contributions:
    """The section contributions, searched as they lie in the file."""

    def __init__(self, data: Stream) -> None:
        version = data.u32(0)
        if version not in _CONTRIBUTIONS:
            raise SymbolError("unknown form of section contributions", offset=0, found=f"{version:#x}")
        record = _CONTRIBUTIONS[ContributionVersion(version)]
        self._data, self._size = data.data[4:], record.SIZE
        self._codec = record.unpacker("isect", "off", "cb", "imod")
        self._place = record.unpacker("isect", "off").unpack_from
        self._table = SortedTable(len(self._data) // record.SIZE, self._start)

    def module_at(self, section: int, offset: int) -> int | None:
        """Number of the module whose bytes are at `offset` of `section`, if any is."""
        index = self._table.last_up_to((section, offset))
        if index < 0:
            return None
        first, start, size, module = self._codec.unpack_from(self._data, index * self._size)
        return module if first == section and offset < start + size else None

    def _start(self, index: int) -> tuple[int, int]:
        return self._place(self._data, index * self._size)


class Modules:
    """The list of modules: where each begins is found once, the rest when it is asked for."""

    def __init__(self, data: Stream) -> None:
        self._data = data
        self._starts = list(_starts(data))

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> PdbModule:
        """Module `number`.

        Raises:
            SymbolError: There is no such module.
        """
        if not 0 <= number < len(self._starts):
            raise SymbolError("no such module", expected=f"below {len(self._starts)}", found=str(number))
        at = self._starts[number]
        stream, symbols, old_lines, lines = self._data.unpack(_MODULE, at)
        name = self._data.text(at + ModInfo.SIZE)
        return PdbModule(name, None if stream == NO_STREAM else stream, symbols, old_lines, lines)


def _starts(data: Stream) -> Iterator[int]:
    """Offsets of the modules, each of which ends with two strings."""
    whole, at = bytes(data.data), 0
    while at < len(whole):
        yield at
        end = at + ModInfo.SIZE
        for _ in range(2):
            end = whole.find(0, end) + 1
            if not end:
                raise SymbolError(f"a string of {data.name} has no end", offset=at)
        at = (end + 3) & ~3


class Dbi:
    """The DBI stream.

    Attributes:
        header: Its head.

    Raises:
        SymbolError: It is no DBI stream, or its substreams do not fit into it.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.header = header = stream.record(NewDbiHdr, 0)
        if header.ver_signature != _SIGNATURE:
            raise SymbolError("no DBI stream of Visual C++ 7 or later", offset=0, found=f"{header.ver_signature:#x}")

    @cached_property
    def contributions(self) -> Contributions | None:
        """Which module each piece of a section comes from; None where the PDB does not say."""
        header = self.header
        if not header.cb_sc:
            return None
        return Contributions(
            self._stream.part(NewDbiHdr.SIZE + header.cb_gp_modi, header.cb_sc, "the list of section contributions")
        )

    @cached_property
    def modules(self) -> Modules:
        """The modules, by their numbers."""
        return Modules(self._stream.part(NewDbiHdr.SIZE, self.header.cb_gp_modi, "the list of modules"))

    def debug_stream(self, kind: DbgHdr) -> int:
        """Number of the stream for `kind`, `NO_STREAM` where there is none."""
        header = self.header
        sizes = (header.cb_gp_modi, header.cb_sc, header.cb_sec_map, header.cb_file_info, header.cb_ts_map)
        if 2 * kind + 2 > header.cb_dbg_hdr:
            return NO_STREAM
        return self._stream.u16(NewDbiHdr.SIZE + sum(sizes) + header.cb_ec_info + 2 * kind)
