"""Type records (the TPI stream) and items (the IPI stream), found by their index."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache, cached_property
from itertools import islice

from smalldump.errors import SymbolError
from smalldump.layout.codeview import Leaf, RecordHead
from smalldump.layout.msf import NO_STREAM, TiOff, TpiHdr
from smalldump.symbols.msf import Msf
from smalldump.symbols.streams import Stream

__all__ = ["TypeRecords", "numeric"]

_HEAD = RecordHead.unpacker("reclen", "rectyp")
_TI_OFF = TiOff.unpacker("ti", "off")
_NUMERIC = {
    Leaf.CHAR: struct.Struct("<b"),
    Leaf.SHORT: struct.Struct("<h"),
    Leaf.USHORT: struct.Struct("<H"),
    Leaf.LONG: struct.Struct("<i"),
    Leaf.ULONG: struct.Struct("<I"),
    Leaf.QUADWORD: struct.Struct("<q"),
    Leaf.UQUADWORD: struct.Struct("<Q"),
}


class TypeRecords:
    """The records of a TPI or IPI stream.

    Attributes:
        stream: The records.
        first, end: Their indices; the end is exclusive.

    Raises:
        SymbolError: The head of the stream is malformed.
    """

    def __init__(self, stream: Stream, msf: Msf) -> None:
        head = stream.record(TpiHdr, 0)
        self.stream = stream.part(head.cb_hdr, head.cb_gprec, f"the records of {stream.name}")
        self.first, self.end = head.ti_min, head.ti_mac
        self._head, self._msf = head, msf
        self._places = cache(self._read_places)

    def at(self, index: int) -> int | None:
        """Where the record of that index lies, or None where there is none (built-in types have none).

        Raises:
            SymbolError: The records before it do not follow one another.
        """
        if not self.first <= index < self.end:
            return None
        step = bisect_right(self._steps, (index, len(self.stream))) - 1
        places, position = self._places(step), index - self._steps[step][0]
        return places[position] if position < len(places) else None

    def _read_places(self, step: int) -> list[int]:
        """Offsets of the records from one step to the next."""
        index, at = self._steps[step]
        end = self._steps[step + 1][0] if step + 1 < len(self._steps) else self.end
        return [place for _, _, place in islice(self._from(index, at), end - index)]

    def kind(self, at: int) -> int:
        """The kind of the record at offset `at`."""
        return self.stream.u16(at + RecordHead.rectyp.offset)

    def text(self, at: int, distance: int) -> str:
        """The string `distance` bytes into the record at offset `at`."""
        return self.stream.text(at + distance, at + 2 + self.stream.u16(at))

    @cached_property
    def _steps(self) -> list[tuple[int, int]]:
        """Some indices with the offset of their record, ascending; the first record among them."""
        table = self._hash_table(self._head.off_ti_off, self._head.cb_ti_off)
        found = [(self.first, 0)]
        for index, at in _TI_OFF.iter_unpack(table[: len(table) // TiOff.SIZE * TiOff.SIZE]):
            known, before = found[-1]
            # What no record can be so small for is not believed: so all steps together are as long as the stream.
            if index > known and len(self.stream) > at >= before + (index - known) * RecordHead.SIZE:
                found.append((index, at))
        return found

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """All records: index, kind, offset.

        Raises:
            SymbolError: The records do not follow one another.
        """
        return islice(self._from(self.first, 0), max(self.end - self.first, 0))

    def _from(self, index: int, at: int) -> Iterator[tuple[int, int, int]]:
        size = len(self.stream)
        while at + RecordHead.SIZE <= size:
            length, kind = _HEAD.unpack_from(self.stream.data, at)
            if length < 2 or at + 2 + length > size:
                raise SymbolError(f"a record of {self.stream.name} has no end", offset=at, found=f"{length:#x} bytes")
            yield index, kind, at
            at += 2 + length
            index += 1

    def in_bucket(self, hashed: int) -> Iterator[int]:
        """The indices whose records have that hash value, modulo the number of buckets."""
        table, buckets = self._hash_values, self._head.c_hash_buckets
        if not buckets or self._head.cb_hash_key != 4:
            return
        wanted = struct.pack("<I", hashed % buckets)
        at = table.find(wanted)
        while at >= 0:
            if at % 4 == 0:
                yield self.first + at // 4
            at = table.find(wanted, at + 1)

    @cached_property
    def _hash_values(self) -> bytes:
        return self._hash_table(self._head.off_hash_vals, self._head.cb_hash_vals)

    def _hash_table(self, at: int, size: int) -> bytes:
        number = self._head.sn
        stream = None if number == NO_STREAM else self._msf.stream(number, f"the hash stream of {self.stream.name}")
        return bytes(stream.part(at, size, stream.name).data) if stream else b""


def numeric(stream: Stream, at: int) -> tuple[int, int]:
    """The number that a numeric leaf holds, and the offset behind it.

    Raises:
        SymbolError: It is no integer.
    """
    word = stream.u16(at)
    if word < Leaf.CHAR:
        return word, at + 2
    codec = _NUMERIC.get(Leaf(word)) if word in _NUMERIC else None
    if codec is None:
        raise SymbolError(f"no integer in {stream.name}", offset=at, found=f"leaf {word:#x}")
    return stream.unpack(codec, at + 2)[0], at + 2 + codec.size
