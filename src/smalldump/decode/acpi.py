"""ACPI tables, each cut short: which tables the firmware has, and who made them.

SSDTs are cut to their 36-byte header, every other table to four bytes for each table there is (odd, but so in all
dumps seen: 13 tables, 52 bytes; 30 tables, 120 bytes); a shorter table is whole. The number of tables is stored
nowhere, but only one makes the walk end exactly at the end of the blob after just so many tables: this is how it is
found, and no table is guessed.
Source: measured, in each of 21 real dumps exactly one number fits; the header is that of the ACPI specification.
"""

from __future__ import annotations

import struct
from collections import Counter

from smalldump.decode.values import Json, JsonObject, text8
from smalldump.layout.record import Buffer, Record, raw, u8, u32

__all__ = ["decode_acpi"]

_COUNTS = range(9, 129)
_BYTES_PER_TABLE = 4
_HEADER_ONLY = (b"SSDT", b"DSDT", b"PSDT")
_SIGNATURE_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_!#$@")


class AcpiTableHeader(Record, size=0x24):
    """The header that every ACPI table begins with."""

    signature = raw(0x00, 4)
    length = u32(0x04, "bytes of the whole table, not of what is kept of it here")
    revision = u8(0x08)
    checksum = u8(0x09)
    oem_id = raw(0x0A, 6)
    oem_table_id = raw(0x10, 8)
    oem_revision = u32(0x18)
    creator_id = raw(0x1C, 4)
    creator_revision = u32(0x20)


def decode_acpi(data: Buffer, _private: bool) -> JsonObject:
    """The tables in the order of the blob: signature, OEM, whole length in bytes, how often the same header occurs.

    Windows stores the first SSDT once for every SSDT there is: its count is theirs.
    Where no number of tables fits, only the first table is given, and `complete` is false. Contents of tables are never
    given out: MSDM can hold the Windows product key.

    Raises:
        Truncated: Not even one header is there.
    """
    first = bytes(AcpiTableHeader(data).data)
    starts = next((found for count in _COUNTS if (found := _walk(data, count))), None)
    headers = Counter(bytes(data[start : start + AcpiTableHeader.SIZE]) for start in starts or ())
    tables: list[Json] = [_table(header, count) for header, count in (headers or {first: 1}).items()]
    return {"tables": tables, "complete": starts is not None}


def _walk(data: Buffer, count: int) -> list[int] | None:
    """Offsets of the tables if there are `count`; None where that does not fit."""
    starts: list[int] = []
    position, cut = 0, _BYTES_PER_TABLE * count
    while len(starts) < count:
        if len(data) - position < AcpiTableHeader.SIZE:
            return None
        signature, length = _START.unpack_from(data, position)
        if length < AcpiTableHeader.SIZE or not _SIGNATURE_BYTES.issuperset(signature):
            return None
        starts.append(position)
        position += AcpiTableHeader.SIZE if signature in _HEADER_ONLY else min(length, cut)
    return starts if position == len(data) else None


_START = struct.Struct("<4sI")
_HEADER = AcpiTableHeader.unpacker("signature", "length", "oem_id", "oem_table_id", "oem_revision")


def _table(header: bytes, count: int) -> Json:
    signature, length, oem, oem_table, revision = _HEADER.unpack(header)
    return {
        "signature": text8(signature),
        "length": length,
        "oem": text8(oem),
        "oem_table": text8(oem_table),
        "oem_revision": f"{revision:#x}",
        "count": count,
    }
