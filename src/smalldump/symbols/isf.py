"""Symbol files of Volatility (intermediate symbol format): names and types of one PDB, as JSON.

Source: the JSON schemas that Volatility publishes for format versions 2 to 6, and how it lays out its folders.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from smalldump.errors import SymbolError
from smalldump.model.symbols import FrameProgram, InlineSite, SourceLine, Symbol, SymbolOrigin
from smalldump.model.types import StructType
from smalldump.symbols.isf_file import parse_isf, read_isf
from smalldump.symbols.isf_types import IsfTypes, integer, member
from smalldump.symbols.undecorate import undecorated

__all__ = ["Isf", "IsfIdentity", "find_isf", "open_isf"]

_VERSIONS = range(2, 7)
_LAST_RVA = 0xFFFFFFFF
_SUFFIXES = (".json.xz", ".json", ".json.gz", ".json.bz2")
_FOLDERS = ("", "windows", os.path.join("symbols", "windows"))  # of symbols/windows, of symbols, of Volatility itself
_GUID = re.compile(r"(\w{8})-?(\w{4})-?(\w{4})-?(\w{4})-?(\w{12})", re.ASCII)


class IsfIdentity(NamedTuple):
    """The PDB that a symbol file was made from.

    Attributes:
        database: Its file name, `ntkrnlmp.pdb`.
        guid: 36 lower-case characters.
        age: That which the image's CodeView record names.
    """

    database: str
    guid: str
    age: int


class Isf:
    """The symbols of one image (a `SymbolTable`), and its types (a `TypeLookup`).

    The document is checked when it is asked for something. Lines, inlined functions and frames are not in such files.

    Args:
        document: The whole symbol file, parsed.

    Raises:
        SymbolError: It is of another format.
    """

    def __init__(self, document: Mapping[str, object]) -> None:
        self._document = document
        self.version = _version(document)

    @cached_property
    def identity(self) -> IsfIdentity | None:
        """The PDB that it was made from; None where it does not say.

        Raises:
            SymbolError: What it says is malformed.
        """
        pdb: object = self._document
        for key in ("metadata", "windows", "pdb"):
            pdb = pdb.get(key) if isinstance(pdb, dict) else None
        if not isinstance(pdb, dict):
            return None
        database, guid = pdb.get("database"), pdb.get("GUID")
        if not isinstance(database, str) or not isinstance(guid, str):
            raise SymbolError("the symbol file's identity is malformed", found=repr((database, guid))[:120])
        return IsfIdentity(database, _guid(guid), integer(pdb, "age", _LAST_RVA + 1))

    def nearest(self, rva: int) -> Symbol | None:
        """The last symbol at or before `rva`: sections are not in such files, nor sizes."""
        places, names = self._places
        index = bisect_right(places, rva) - 1
        if index < 0:
            return None
        return Symbol(undecorated(names[index]), places[index], None, SymbolOrigin.ISF)

    def line(self, _rva: int) -> SourceLine | None:
        """Not in such files."""
        return None

    def inlines(self, _rva: int) -> Sequence[InlineSite]:
        """Not in such files."""
        return ()

    def frame_program(self, _rva: int) -> FrameProgram | None:
        """Not in such files."""
        return None

    def type_named(self, name: str) -> StructType | None:
        """The structure, union or class called `name`; None where it is not described.

        Raises:
            SymbolError: The description is malformed.
        """
        return self._types.type_named(name)

    @cached_property
    def _types(self) -> IsfTypes:
        return IsfTypes(self._document)

    @cached_property
    def _places(self) -> tuple[list[int], list[str]]:
        """RVAs in ascending order, and the name at each: of several the first, decorated ones last."""
        found = sorted(_symbols(member(self._document, "symbols")))
        kept = [entry for before, entry in zip([(0, False, ""), *found], found, strict=False) if entry[0] != before[0]]
        return [rva for rva, _, _ in kept], [name for _, _, name in kept]


def _symbols(table: Mapping[str, object]) -> Iterator[tuple[int, bool, str]]:
    """Symbols that have a place: RVA, whether the name is decorated, name. What is malformed is passed over."""
    for name, described in table.items():
        address = described.get("address") if isinstance(described, dict) else None
        if isinstance(address, int | float) and 0 < address <= _LAST_RVA and address == int(address):
            yield int(address), name.startswith(("?", "_")), name


def _version(document: Mapping[str, object]) -> str:
    metadata = document.get("metadata")
    version = metadata.get("format") if isinstance(metadata, dict) else None
    major = version.partition(".")[0] if isinstance(version, str) else ""
    if not (major.isascii() and major.isdecimal() and len(major) < 4 and int(major) in _VERSIONS):
        raise SymbolError("a symbol file of no known format", expected="version 2 to 6", found=repr(version)[:80])
    return str(version)


def _guid(text: str) -> str:
    found = _GUID.fullmatch(text)
    if not found or not all(character in "0123456789abcdefABCDEF-" for character in text):
        raise SymbolError("a GUID is malformed", expected="32 hexadecimal digits", found=repr(text)[:80])
    return "-".join(found.groups()).lower()


def open_isf(source: str | os.PathLike[str] | bytes) -> Isf:
    """The symbol file at that path, or with those bytes; packed or not.

    Raises:
        SymbolError: It is malformed, too large, or of another format.
        OSError: It cannot be read.
    """
    return Isf(parse_isf(source) if isinstance(source, bytes) else read_isf(source))


def find_isf(folder: str | os.PathLike[str], database: str, guid: str, age: int) -> Isf | None:
    """The symbol file of a PDB in a folder of Volatility's, `ntkrnlmp.pdb/<GUID>-<age>.json.xz`.

    Args:
        folder: That of the symbols of Windows, or one of those around it.
        database: File name of the PDB, from whomever; a path loses its folders.
        guid: With or without hyphens.
        age: That which the image's CodeView record names.

    Raises:
        SymbolError: The file there is malformed, or is that of another PDB; or the GUID is none.
        OSError: It cannot be read.
    """
    wanted = IsfIdentity(re.split(r"[\\/]", database)[-1], _guid(guid), age)
    if wanted.database in ("", ".", "..") or not wanted.database.isprintable() or ":" in wanted.database:
        return None
    for path in _candidates(Path(folder), wanted):
        if path.is_file():
            return _proved(open_isf(path), wanted)
    return None


def _candidates(folder: Path, wanted: IsfIdentity) -> Iterator[Path]:
    key = f"{wanted.guid.replace('-', '').upper()}-{wanted.age}"
    for inner in _FOLDERS:
        for name in dict.fromkeys((wanted.database, wanted.database.lower())):
            yield from (folder / inner / name / f"{key}{suffix}" for suffix in _SUFFIXES)


def _proved(isf: Isf, wanted: IsfIdentity) -> Isf:
    found = isf.identity
    if found is None or (found.database.lower(), *found[1:]) != (wanted.database.lower(), *wanted[1:]):
        raise SymbolError("the symbol file is that of another PDB", expected=str(wanted), found=str(found))
    return isf
