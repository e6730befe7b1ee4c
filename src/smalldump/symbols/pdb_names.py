"""The PDB information stream and the string table `/names`."""

from __future__ import annotations

import struct
from typing import NamedTuple

from smalldump.errors import SymbolError
from smalldump.layout.msf import STRING_TABLE_SIGNATURE, NameTableHdr, PdbStream70
from smalldump.symbols.streams import Stream

__all__ = ["PdbIdentity", "StringTable", "named_streams"]

_PAIR = struct.Struct("<II")


class PdbIdentity(NamedTuple):
    """What image, PDB and symbol store agree on.

    Attributes:
        guid: 36 lower-case characters.
        age: That of the DBI stream, which the image's CodeView record names.
    """

    guid: str
    age: int


def named_streams(information: Stream) -> dict[str, int]:
    """Stream numbers by name, as the PDB information stream maps them.

    Source: LLVM's "The PDB Info Stream" and "The PDB Serialized Hash Table Format".
    """
    size = information.u32(PdbStream70.SIZE)
    names = information.part(PdbStream70.SIZE + 4, size, "the names of streams")
    at = PdbStream70.SIZE + 4 + size
    count = information.u32(at)
    at += 8  # the count and the capacity, then two bit vectors: which buckets are full, which were emptied
    for _ in range(2):
        at += 4 + 4 * information.u32(at)
    if at + count * _PAIR.size > len(information):
        raise SymbolError("more named streams than the information stream holds", offset=at, found=f"{count:,}")
    pairs = [information.unpack(_PAIR, at + index * _PAIR.size) for index in range(count)]
    return {names.text(name): number for name, number in pairs}


class StringTable:
    """The string table `/names`: strings by their offset."""

    def __init__(self, stream: Stream) -> None:
        head = stream.record(NameTableHdr, 0)
        if head.ul_hdr != STRING_TABLE_SIGNATURE:
            raise SymbolError("no string table", offset=0, found=f"{head.ul_hdr:#x}")
        self._strings = stream.part(NameTableHdr.SIZE, head.cb, "the string table")

    def __call__(self, offset: int) -> str:
        """The string at that offset."""
        return self._strings.text(offset)
