"""What symbols say about a place in an image, whichever file they come from."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

__all__ = [
    "FrameProgram",
    "InlineSite",
    "ModuleFiles",
    "PlaceName",
    "SourceLine",
    "Symbol",
    "SymbolOrigin",
    "SymbolTable",
]


class SymbolOrigin(Enum):
    """Where a name comes from."""

    PDB = "pdb"
    """A PDB whose identity is that of the image."""
    ISF = "isf"
    """A Volatility symbol file made from such a PDB."""
    EXPORT = "export"
    """The image's export table: functions between two exports bear the name of the one before."""


class Symbol(NamedTuple):
    """A named place in an image.

    Attributes:
        name: Undecorated, without the module.
        rva: Where it begins, bytes from the start of the image.
        size: Bytes, or None where only the beginning is known.
    """

    name: str
    rva: int
    size: int | None
    origin: SymbolOrigin

    def at(self, module: str, rva: int) -> str:
        """A place in it as WinDbg writes it: `nt!KeBugCheckEx+0x107`, at its beginning without a number."""
        away = rva - self.rva
        return f"{module}!{self.name}" + (f"+{away:#x}" if away else "")

    def words(self, module: str, rva: int) -> str:
        """The same for people: a name from an export table is marked, since it may be that of another function."""
        return self.at(module, rva) + (" (export)" if self.origin is SymbolOrigin.EXPORT else "")


class SourceLine(NamedTuple):
    """A line of source; lines count from 1."""

    file: str
    line: int


class InlineSite(NamedTuple):
    """A function whose body was inlined at a place, and the line of it that is there."""

    name: str
    line: SourceLine | None


class PlaceName(NamedTuple):
    """What symbols say about a place in code.

    Attributes:
        inlines: What was inlined there, innermost first.
    """

    symbol: Symbol
    line: SourceLine | None
    inlines: tuple[InlineSite, ...]


class FrameProgram(NamedTuple):
    """How a range of x86 code keeps its frame: a FRAMEDATA record with its program, or an FPO_DATA record.

    Attributes:
        rva, size: The range, bytes.
        locals_size, params_size, saved_size: Bytes of local variables, of parameters, of saved registers.
        prolog_size: Bytes of the prologue.
        program: In postfix notation, `$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =`; None for an FPO_DATA record.
        uses_ebp: FPO_DATA only: whether EBP is used, for whatever purpose.
    """

    rva: int
    size: int
    locals_size: int
    params_size: int
    saved_size: int
    prolog_size: int
    program: str | None
    uses_ebp: bool = False


class ModuleFiles(NamedTuple):
    """The image and the PDB of a loaded module: where a symbol store keeps them, and whether they were found.

    Attributes:
        image_key: None where the dump does not tell the image's TimeDateStamp.
        pdb_key: None where the image is not at hand, which alone names its PDB.
    """

    image_key: str | None
    image_found: bool
    pdb_key: str | None
    pdb_found: bool


class SymbolTable(Protocol):
    """The symbols of one image. All places are RVAs: bytes from the start of the image."""

    def nearest(self, rva: int) -> Symbol | None:
        """The symbol that `rva` belongs to: the last one that begins at or before it, in the same section."""

    def line(self, rva: int) -> SourceLine | None:
        """The line of the function itself (not of what is inlined into it) that the code at `rva` comes from."""

    def inlines(self, rva: int) -> Sequence[InlineSite]:
        """What is inlined at `rva`, innermost first."""

    def frame_program(self, rva: int) -> FrameProgram | None:
        """How the x86 code at `rva` keeps its frame, the innermost range that holds it."""
