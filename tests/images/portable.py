"""A builder of portable executables for tests, with literal offsets: it shares no layout with what it tests."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["ARM64", "X64", "X86", "Part", "exports", "portable"]

X86, X64, ARM64 = 0x14C, 0x8664, 0xAA64
_CODE, _DATA = 0x60000020, 0x40000040
_PAGE = 0x1000


@dataclass(frozen=True)
class Part:
    """A section: bytes that go to an RVA, and how many it takes in memory (0: as many)."""

    name: str
    rva: int
    data: bytes
    size: int = 0

    @property
    def characteristics(self) -> int:
        return _CODE if self.name == ".text" else _DATA


def portable(
    parts: Iterable[Part],
    directories: Mapping[int, tuple[int, int]] | None = None,
    machine: int = X64,
    timestamp: int = 0x5F3759DF,
    entry: int = 0x1000,
) -> bytes:
    """A file of `parts`, with data directories by index (RVA, bytes)."""
    parts, directories = list(parts), directories or {}
    wide = machine != X86
    optional = bytearray(0xF0 if wide else 0xE0)
    struct.pack_into("<H", optional, 0, 0x20B if wide else 0x10B)
    struct.pack_into("<I", optional, 0x10, entry)
    struct.pack_into("<Q" if wide else "<I", optional, 0x18 if wide else 0x1C, 0x1_8000_0000 if wide else 0x1000_0000)
    end = max([part.rva + (part.size or len(part.data)) for part in parts], default=_PAGE)
    struct.pack_into("<II", optional, 0x20, _PAGE, 0x200)
    struct.pack_into("<III", optional, 0x38, -(-end // _PAGE) * _PAGE, 0x400, 0xC0FFEE)
    struct.pack_into("<I", optional, 0x6C if wide else 0x5C, 16)
    for index, place in directories.items():
        struct.pack_into("<II", optional, (0x70 if wide else 0x60) + 8 * index, *place)
    headers = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80)
    headers = headers.ljust(0x80, b"\0") + b"PE\0\0"
    headers += struct.pack("<HHIIIHH", machine, len(parts), timestamp, 0, 0, len(optional), 0x2022) + optional
    body, at = b"", 0x400
    for part in parts:
        size = part.size or len(part.data)
        headers += part.name.encode().ljust(8, b"\0")
        headers += struct.pack("<IIIIIIHHI", size, part.rva, len(part.data), at, 0, 0, 0, 0, part.characteristics)
        body += part.data
        at += len(part.data)
    assert len(headers) <= 0x400
    return headers.ljust(0x400, b"\0") + body


def exports(rva: int, places: Mapping[str, int | str], base: int = 1) -> bytes:
    """An export directory that lies at `rva`: names with their RVAs, or with what they are forwarded to."""
    names = sorted(places)
    count = len(names)
    texts, at = b"", 0x28 + 10 * count
    functions, pointers = [], []
    for name in names:
        place = places[name]
        pointers.append(rva + at + len(texts))
        texts += name.encode() + b"\0"
        if isinstance(place, str):
            functions.append(rva + at + len(texts))
            texts += place.encode() + b"\0"
        else:
            functions.append(place)
    tables = [rva + 0x28 + offset for offset in (0, 4 * count, 8 * count)]
    head = struct.pack("<IIIIIIIIII", 0, 0, 0, 0, base, count, count, *tables)
    return head + struct.pack(f"<{count}I{count}I{count}H", *functions, *pointers, *range(count)) + texts
