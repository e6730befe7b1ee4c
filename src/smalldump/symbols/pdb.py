"""A program database: names, lines, frames and types of one image. Nothing is decoded before it is asked for."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property

from smalldump.errors import SymbolError
from smalldump.layout.msf import NO_STREAM, DbgHdr, PdbStream70, StreamNumber
from smalldump.layout.record import Buffer
from smalldump.model.symbols import FrameProgram, InlineSite, SourceLine, Symbol, SymbolOrigin
from smalldump.model.types import StructType
from smalldump.symbols.msf import Msf
from smalldump.symbols.pdb_dbi import Dbi
from smalldump.symbols.pdb_frames import FpoRecords, FrameRecords
from smalldump.symbols.pdb_inlines import Site
from smalldump.symbols.pdb_items import Items
from smalldump.symbols.pdb_lines import FileLine, ModuleLines
from smalldump.symbols.pdb_names import PdbIdentity, StringTable, named_streams
from smalldump.symbols.pdb_places import Omap, Place, Places
from smalldump.symbols.pdb_publics import Public, Publics
from smalldump.symbols.pdb_structures import Structures
from smalldump.symbols.pdb_symbols import ModuleSymbol, ModuleSymbols
from smalldump.symbols.pdb_types import TypeRecords
from smalldump.symbols.streams import Stream

__all__ = ["Pdb", "open_pdb"]


def open_pdb(path: str | os.PathLike[str], undecorate: Callable[[str], str] | None = None) -> Pdb:
    """The PDB in that file, mapped into memory.

    Raises:
        SymbolError: It is no PDB, or its head is malformed.
        OSError: It cannot be read.
    """
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise SymbolError("no PDB of MSF 7.00", offset=0, found="an empty file")
        return Pdb(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), undecorate)


class Pdb:
    """The symbols of one image (a `SymbolTable`).

    Every method may raise `SymbolError`: what it needs of the PDB is malformed. What the PDB does not hold is None.

    Args:
        data: The file.
        undecorate: Makes `HalDisplayString` out of `_HalDisplayString@4`, for the names of public symbols.

    Raises:
        SymbolError: It is no PDB, or its head is malformed.
    """

    def __init__(self, data: Buffer | mmap.mmap, undecorate: Callable[[str], str] | None = None) -> None:
        self._msf = Msf(memoryview(data))
        self._undecorate = undecorate or str
        self._symbols_of = cache(self._read_symbols_of)
        self._lines_of = cache(self._read_lines_of)

    @cached_property
    def identity(self) -> PdbIdentity:
        """GUID and age, which the image's CodeView record must name too."""
        return PdbIdentity(self._information.record(PdbStream70, 0).sig70, self.dbi.header.age)

    @property
    def machine(self) -> int:
        """The image's machine, as its header names it."""
        return self.dbi.header.w_machine

    @cached_property
    def dbi(self) -> Dbi:
        """The DBI stream, from which all else is found."""
        return Dbi(self._needed(StreamNumber.DBI, "the DBI stream"))

    @cached_property
    def places(self) -> Places:
        """The way from RVAs to sections and offsets, and back."""
        to_source = self._debug_stream(DbgHdr.OMAP_TO_SRC, "the OMAP to the source")
        from_source = self._debug_stream(DbgHdr.OMAP_FROM_SRC, "the OMAP from the source")
        headers = self._debug_stream(DbgHdr.SECTION_HDR, "the section headers")
        if to_source is None or from_source is None:
            return Places(headers)
        original = self._debug_stream(DbgHdr.SECTION_HDR_ORIG, "the original section headers")
        return Places(original or headers, Omap(to_source), Omap(from_source))

    @cached_property
    def publics(self) -> Publics | None:
        """The public symbols, or None where there are none."""
        header = self.dbi.header
        table = self._msf.stream(header.sn_ps_syms, "the publics' stream")
        records = self._msf.stream(header.sn_sym_recs, "the stream of symbol records")
        return Publics(table, records) if table is not None and records is not None else None

    def nearest(self, rva: int) -> Symbol | None:
        """The symbol that `rva` belongs to: the last one that begins at or before it, in the same section.

        A module's own symbols come before public ones at the same place: they know their size. In a reordered image
        (OMAP) the nearest one is that of the order before, and `rva` of the result is such that the distance is
        the one in that order.
        """
        place = self.places.find(rva)
        if place is None:
            return None
        own = self._own_symbol(place)
        publics = self.publics
        public = publics.nearest(*place) if publics is not None else None
        if own and (public is None or public[1] <= own[1].offset):
            symbols, symbol = own
            return self._symbol(symbols.name(symbol), symbol.offset, symbol.size, place, rva)
        if publics is None or public is None:
            return None
        index, offset = public
        return self._symbol(self._undecorate(publics.first_like(index).name), offset, None, place, rva)

    def _symbol(self, name: str, offset: int, size: int | None, place: Place, rva: int) -> Symbol:
        return Symbol(name, rva - (place.offset - offset), size, SymbolOrigin.PDB)

    def _own_symbol(self, place: Place) -> tuple[ModuleSymbols, ModuleSymbol] | None:
        symbols = self._symbols_at(place)
        found = symbols.nearest(*place) if symbols else None
        return (symbols, found) if symbols and found else None

    def _symbols_at(self, place: Place) -> ModuleSymbols | None:
        number = self._module_number(place)
        return None if number is None else self._symbols_of(number)

    def _module_number(self, place: Place) -> int | None:
        contributions = self.dbi.contributions
        return contributions.module_at(*place) if contributions else None

    def symbols_of(self, number: int) -> ModuleSymbols | None:
        """The symbols of module `number`, or None where they were stripped."""
        return self._symbols_of(number)

    def lines_of(self, number: int) -> ModuleLines | None:
        """The lines of module `number`, or None where it has none."""
        return self._lines_of(number)

    def _read_symbols_of(self, number: int) -> ModuleSymbols | None:
        module = self.dbi.modules[number]
        stream = None if module.stream is None else self._msf.stream(module.stream, f"the stream of {module.name}")
        return (
            ModuleSymbols(stream.part(0, module.symbols_size, stream.name)) if stream and module.symbols_size else None
        )

    def line(self, rva: int) -> SourceLine | None:
        """The line of the function itself (not of what is inlined into it) that the code at `rva` comes from."""
        place = self.places.find(rva)
        lines = self._lines_at(place) if place else None
        found = lines.at(*place) if place and lines else None
        return self.source_line(lines, found) if lines and found else None

    def inlines(self, rva: int) -> Sequence[InlineSite]:
        """What is inlined at `rva`, innermost first."""
        place = self.places.find(rva)
        own = self._own_symbol(place) if place else None
        if place is None or own is None:
            return ()
        symbols, symbol = own
        sites = symbols.inlined_at(symbol, place.offset - symbol.offset)
        return [self._inline_site(self._lines_at(place), site) for site in sites]

    def _inline_site(self, lines: ModuleLines | None, site: Site) -> InlineSite:
        line = site.line(lines.inlinees.get(site.inlinee)) if lines else None
        return InlineSite(self._items.name(site.inlinee), self.source_line(lines, line) if lines and line else None)

    def source_line(self, lines: ModuleLines, found: FileLine) -> SourceLine | None:
        """A line of a module with the name of its file; None where the module does not name its files."""
        name = lines.name_offset(found.file)
        return None if name is None else SourceLine(self._string(name), found.line)

    def _lines_at(self, place: Place) -> ModuleLines | None:
        number = self._module_number(place)
        return None if number is None else self._lines_of(number)

    def _read_lines_of(self, number: int) -> ModuleLines | None:
        module = self.dbi.modules[number]
        if module.stream is None or not module.lines_size:
            return None
        stream = self._needed(module.stream, f"the stream of {module.name}")
        return ModuleLines(stream.part(module.symbols_size + module.old_lines_size, module.lines_size, stream.name))

    def type_named(self, name: str) -> StructType | None:
        """The structure, union or class called `name`; fields of base classes are listed as its own."""
        return self._structures.type_named(name) if self._structures else None

    @cached_property
    def _types(self) -> TypeRecords | None:
        stream = self._msf.stream(StreamNumber.TPI, "the TPI stream")
        return TypeRecords(stream, self._msf) if stream else None

    @cached_property
    def _structures(self) -> Structures | None:
        return Structures(self._types) if self._types else None

    @cached_property
    def _items(self) -> Items:
        stream = self._msf.stream(StreamNumber.IPI, "the IPI stream")
        return Items(TypeRecords(stream, self._msf) if stream else None, self._types)

    def frame_program(self, rva: int) -> FrameProgram | None:
        """How the x86 code at `rva` keeps its frame, the innermost range that holds it."""
        source = self.places.source_rva(rva)
        if source is None:
            return None
        found = (self._frames and self._frames.at(source)) or (self._fpo and self._fpo.at(source))
        return found._replace(rva=rva - (source - found.rva)) if found else None

    @cached_property
    def _frames(self) -> FrameRecords | None:
        stream = self._debug_stream(DbgHdr.NEW_FPO, "the FRAMEDATA stream")
        return FrameRecords(stream, self._string) if stream else None

    @cached_property
    def _fpo(self) -> FpoRecords | None:
        stream = self._debug_stream(DbgHdr.FPO, "the FPO_DATA stream")
        return FpoRecords(stream) if stream else None

    @cached_property
    def _string(self) -> StringTable:
        number = named_streams(self._information).get("/names", NO_STREAM)
        return StringTable(self._needed(number, "the string table"))

    @property
    def _information(self) -> Stream:
        return self._needed(StreamNumber.PDB, "the PDB information stream")

    def _needed(self, number: int, name: str) -> Stream:
        stream = self._msf.stream(number, name)
        if stream is None:
            raise SymbolError(f"{name} is missing", found=f"{self._msf.stream_count} streams")
        return stream

    def _debug_stream(self, kind: DbgHdr, name: str) -> Stream | None:
        number = self.dbi.debug_stream(kind)
        return None if number == NO_STREAM else self._msf.stream(number, name)


def public_places(pdb: Pdb) -> Iterator[tuple[int, Public]]:
    """All public symbols of a PDB with their RVA, by section and offset; those of dropped code are left out."""
    for public in pdb.publics or ():
        rva = pdb.places.rva_of(public.section, public.offset)
        if rva is not None:
            yield rva, public
