"""Images and PDBs in the smallest form that has an identity; built with literal offsets."""

from __future__ import annotations

import struct

__all__ = ["GUID", "image", "pdb", "pdb_index"]

GUID = "762cf42e-f7f3-8e11-6ef7-329adaa09a31"
PAGE = 0x1000


def guid_bytes(guid: str) -> bytes:
    a, b, c, d, e = guid.split("-")
    return struct.pack("<IHH", int(a, 16), int(b, 16), int(c, 16)) + bytes.fromhex(d + e)


def pdb_index(guid: str = GUID, age: int = 1) -> str:
    """The folder of a store."""
    return f"{guid.replace('-', '').upper()}{age:x}"


def image(timestamp: int = 0x5F3A_0001, size: int = 0x3000, *, names: str | None = None, age: int = 1) -> bytes:
    """An x64 image of two pages: headers, and a section with the CodeView record of `names`."""
    head = bytearray(0x400)
    head[0:2], head[0x3C:0x40] = b"MZ", struct.pack("<I", 0x80)
    head[0x80:0x84] = b"PE\0\0"
    struct.pack_into("<HHIIIHH", head, 0x84, 0x8664, 1, timestamp, 0, 0, 0xF0, 0x22)
    optional = 0x98
    struct.pack_into("<H", head, optional, 0x20B)
    struct.pack_into("<Q", head, optional + 0x18, 0x1_4000_0000)
    struct.pack_into("<II", head, optional + 0x20, PAGE, 0x200)
    struct.pack_into("<II", head, optional + 0x38, size, 0x400)
    struct.pack_into("<I", head, optional + 0x6C, 16)
    section = optional + 0xF0
    head[section : section + 8] = b".rdata\0\0"
    struct.pack_into("<IIII", head, section + 8, 0x400, PAGE, 0x400, 0x400)
    struct.pack_into("<I", head, section + 0x24, 0x4000_0040)
    body = bytearray(0x400)
    if names is not None:
        record = b"RSDS" + guid_bytes(GUID) + struct.pack("<I", age) + names.encode() + b"\0"
        struct.pack_into("<II", head, optional + 0x70 + 6 * 8, PAGE, 28)
        struct.pack_into("<IIHHIIII", body, 0, 0, 0, 0, 0, 2, len(record), PAGE + 0x40, 0x440)
        body[0x40 : 0x40 + len(record)] = record
    return bytes(head + body)


def pdb(guid: str = GUID, age: int = 1, *, noise: bytes = b"", information_age: int | None = None) -> bytes:
    """A PDB with an information stream and the head of a DBI stream, in blocks of 4 KiB."""
    information = struct.pack("<III", 20000404, 1, age if information_age is None else information_age)
    dbi = struct.pack("<iII", -1, 19990903, age) + bytes(0x34)
    streams = [b"", information + guid_bytes(guid), b"", dbi, noise]
    blocks, places = [b"", b"", b""], []
    for stream in streams:
        pieces = [stream[at : at + PAGE] for at in range(0, len(stream), PAGE)]
        places += [len(blocks) + at for at in range(len(pieces))]
        blocks += pieces
    directory = struct.pack(f"<{1 + len(streams) + len(places)}I", len(streams), *map(len, streams), *places)
    blocks += [directory, struct.pack("<I", len(blocks))]
    magic = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
    blocks[0] = magic + struct.pack("<6I", PAGE, 1, len(blocks), len(directory), 0, len(blocks) - 1)
    return b"".join(block.ljust(PAGE, b"\0") for block in blocks)
