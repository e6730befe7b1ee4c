"""A complete memory dump of a 64-bit machine around made-up physical memory, by literal offsets (DUMP_HEADER64)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

__all__ = ["complete_dump64", "physical_runs"]

PAGE = 0x1000


def physical_runs(dump: bytes) -> tuple[int, list[tuple[int, bytes]]]:
    """The header's DirectoryTableBase, and the runs of physical memory (address, bytes) of a complete dump."""
    if dump[4:8] == b"DU64":
        (root,), form, offset = struct.unpack_from("<Q", dump, 0x10), "<QQ", 0x2000
        count, at = struct.unpack_from("<I", dump, 0x88)[0], 0x98
    else:
        (root,), form, offset = struct.unpack_from("<I", dump, 0x10), "<II", 0x1000
        count, at = struct.unpack_from("<I", dump, 0x64)[0], 0x6C
    runs = []
    for index in range(count):
        first, pages = struct.unpack_from(form, dump, at + index * struct.calcsize(form))
        runs.append((first * PAGE, dump[offset : offset + pages * PAGE]))
        offset += pages * PAGE
    return root, runs


def complete_dump64(root: int, memory: Mapping[int, bytes | bytearray]) -> bytes:
    """A dump of type 1 with one run per page of `memory`; at most 42 fit."""
    header = bytearray(b"PAGE" * (0x2000 // 4))
    header[0x88 : 0x88 + 700] = bytes(700)
    pages = sorted(memory)
    struct.pack_into("<4s4sIIQ", header, 0, b"PAGE", b"DU64", 15, 19041, root)
    struct.pack_into("<II", header, 0x30, 0x8664, 1)
    struct.pack_into("<IxxxxQ", header, 0x88, len(pages), len(pages))
    for index, address in enumerate(pages):
        struct.pack_into("<QQ", header, 0x98 + 16 * index, address // PAGE, 1)
    struct.pack_into("<I", header, 0xF98, 1)
    for mxcsr in (0x34, 0x118):  # kdmp-parser takes it for a header only if both places in the CONTEXT agree
        struct.pack_into("<I", header, 0x348 + mxcsr, 0x1F80)
    struct.pack_into("<Q", header, 0xFA0, 0x2000 + len(pages) * PAGE)
    return bytes(header) + b"".join(memory[address] for address in pages)
