"""Type records made by hand: without the hash stream, in circles, with fields that continue elsewhere."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import SymbolError
from smalldump.model.types import StructField, StructType
from smalldump.symbols.pdb import Pdb
from smalldump.symbols.pdb_aggregates import hashed_name
from tests.symbols.msf_builder import MadePdb


def leaf(kind: int, body: bytes) -> bytes:
    """A type record, padded with `LF_PAD` bytes."""
    left = -len(body) % 4
    body += bytes(0xF0 + each for each in range(left, 0, -1))
    return struct.pack("<HH", len(body) + 2, kind) + body


def structure(name: str, fields: int, size: int, flags: int = 0) -> bytes:
    """`LF_STRUCTURE`; its size as `LF_ULONG` where it needs that."""
    number = struct.pack("<H", size) if size < 0x8000 else struct.pack("<HI", 0x8004, size)
    return leaf(0x1505, struct.pack("<HHIII", 0, flags, fields, 0, 0) + number + name.encode() + b"\0")


def member(name: str, index: int, offset: int) -> bytes:
    body = struct.pack("<HHIH", 0x150D, 3, index, offset) + name.encode() + b"\0"
    left = -len(body) % 4
    return body + bytes(0xF0 + each for each in range(left, 0, -1))


def pdb_of(*records: bytes) -> Pdb:
    data = b"".join(records)
    head = struct.pack("<5I", 20040203, 56, 0x1000, 0x1000 + len(records), len(data))
    hashes = struct.pack("<HHII6I", 0xFFFF, 0xFFFF, 4, 0x3FFFF, *[0] * 6)
    return Pdb(MadePdb(types=head + hashes + data).build())


POINTER = struct.pack("<II", 0x1000, 8 << 13 | 0x0C)


def test_a_list_entry() -> None:
    """A structure that points to itself, through a forward reference."""
    pdb = pdb_of(
        structure("_LIST_ENTRY", 0, 0, flags=0x80),
        leaf(0x1002, POINTER),
        leaf(0x1203, member("Flink", 0x1001, 0) + member("Blink", 0x1001, 8)),
        structure("_LIST_ENTRY", 0x1002, 16),
        leaf(0x1203, member("Links", 0x1000, 0x10)),
        structure("_THREAD", 0x1004, 0x8000),
    )
    links = [StructField(name, offset, 8, "_LIST_ENTRY*") for name, offset in (("Flink", 0), ("Blink", 8))]
    assert pdb.type_named("_LIST_ENTRY") == StructType("_LIST_ENTRY", 16, tuple(links))
    found = pdb.type_named("_THREAD")
    assert found == StructType("_THREAD", 0x8000, (StructField("Links", 0x10, 16, "_LIST_ENTRY"),))
    assert pdb.type_named("_PROCESS") is None


def test_bit_fields_arrays_and_continued_fields() -> None:
    pdb = pdb_of(
        leaf(0x1205, struct.pack("<IBB", 0x22, 3, 5)),
        leaf(0x1503, struct.pack("<IIH", 0x20, 0x22, 3) + b"\0"),
        leaf(0x1503, struct.pack("<IIH", 0x1001, 0x22, 6) + b"\0"),
        leaf(0x1203, member("Next", 0x0603, 8)),
        leaf(0x1203, member("Grid", 0x1002, 16) + member("Bits", 0x1000, 0) + struct.pack("<HHI", 0x1404, 0, 0x1003)),
        structure("_S", 0x1004, 24),
    )
    fields = (
        StructField("Bits", 0, 4, "unsigned long", 5, 3),
        StructField("Next", 8, 8, "void*"),
        StructField("Grid", 16, 6, "unsigned char[2][3]"),
    )
    assert pdb.type_named("_S") == StructType("_S", 24, fields)


def test_types_in_a_circle_end() -> None:
    pdb = pdb_of(
        leaf(0x1002, struct.pack("<II", 0x1000, 8 << 13)),
        leaf(0x1203, member("Self", 0x1000, 0) + struct.pack("<HHI", 0x1404, 0, 0x1001)),
        structure("_S", 0x1001, 8),
    )
    found = pdb.type_named("_S")
    assert found is not None
    (field,) = found.fields
    assert field.type_name.startswith("<unknown>*")
    assert len(field.type_name) < 100


def test_what_is_refused() -> None:
    with pytest.raises(SymbolError, match="unknown leaf in a field list at offset 0x0: found 0x7777"):
        pdb_of(leaf(0x1203, b"\x77\x77\0\0"), structure("_S", 0x1000, 8)).type_named("_S")
    with pytest.raises(SymbolError, match="no field list at its index: found 0x2222"):
        pdb_of(structure("_S", 0x2222, 8)).type_named("_S")
    with pytest.raises(SymbolError, match="has no end at offset 0x0: found 0xffff bytes"):
        pdb_of(b"\xff\xff\x05\x15" + bytes(20)).type_named("_S")
    with pytest.raises(SymbolError, match="no integer in the records of the TPI stream"):
        pdb_of(leaf(0x1505, struct.pack("<HHIIIH", 0, 0, 0, 0, 0, 0x8005) + bytes(12) + b"_S\0")).type_named("_S")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_names_are_hashed_without_regard_to_case(name: str) -> None:
    assert hashed_name(name) == hashed_name(name.upper()) == hashed_name(name.lower())
    assert 0 <= hashed_name(name) < 1 << 32
