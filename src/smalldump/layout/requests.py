"""The blob that says which component asked the kernel to put which memory into the dump.

The on-disk form of KTRIAGE_DUMP_DATA_ARRAY: records, each directly behind the one before, of a head, the ranges, and
the component's name with its NUL. Source: format reference §5; seen in 7 real dumps, each decoded to its last byte.
"""

from __future__ import annotations

from collections.abc import Iterable

from smalldump.layout.blobs import BlobTag
from smalldump.layout.record import Record, u32, u64

__all__ = ["RANGE_LIMIT", "REQUEST_LIMIT", "TRIAGEDUMP_DATA", "AddressRange", "TriageRequestHead", "request_record"]

TRIAGEDUMP_DATA: str = BlobTag.TRIAGEDUMP_DATA
"""nt!GUID_TRIAGEDUMP_DATA: the tag of the blob."""
REQUEST_LIMIT = 256
"""Most records that are read."""
RANGE_LIMIT = 4096
"""Most ranges that are read, of all records together."""


class TriageRequestHead(Record, size=8):
    """What each record begins with."""

    ranges = u32(0x00, "how many ranges follow")
    name_size = u32(0x04, "bytes of the component's name, with its NUL")


class AddressRange(Record, size=0x10):
    """`KADDRESS_RANGE`: memory that a component asked for."""

    address = u64(0x00)
    size = u64(0x08, "bytes")


def request_record(component: str, ranges: Iterable[tuple[int, int]]) -> bytes:
    """One record: what `component` (ASCII) asked for, as pairs of address and size in bytes."""
    parts = [bytes(AddressRange.build(address=address, size=size)) for address, size in ranges]
    name = component.encode("ascii") + b"\0"
    return b"".join((TriageRequestHead.build(ranges=len(parts), name_size=len(name)), *parts, name))
