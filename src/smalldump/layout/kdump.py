"""kdump-compressed files, as QEMU's dump-guest-memory writes them, plain or flattened.

Source: public descriptions of QEMU's dump format, header version 6, and of makedumpfile's flattened format.
"""

from __future__ import annotations

from smalldump.layout.record import Record, raw, u32, u64

__all__ = [
    "FLAT_SIGNATURE",
    "KDUMP_SIGNATURE",
    "DiskDumpHeader32",
    "DiskDumpHeader64",
    "KdumpSubHeader32",
    "KdumpSubHeader64",
    "PageDescriptor",
]

KDUMP_SIGNATURE = b"KDUMP   "
FLAT_SIGNATURE = b"makedumpfile\0"


class DiskDumpHeader32(Record, size=0x1C4):
    """`DiskDumpHeader32`: the first block, where the machine had 32 bits."""

    signature = raw(0x000, 8, "`KDUMP   `")
    header_version = u32(0x008, "6")
    machine = raw(0x110, 65, "utsname's machine, NUL ended; QEMU knows `x86_64` and `Unknown`")
    status = u32(0x19C, "how pages are compressed: 1 zlib, 2 lzo, 4 snappy, 0x20 zstd")
    block_size = u32(0x1A0, "bytes of a block: 4096; ARM64: 65,536")
    sub_hdr_size = u32(0x1A4, "blocks of the second header")
    bitmap_blocks = u32(0x1A8, "blocks of both bitmaps")
    max_mapnr = u32(0x1AC, "page frames, where they fit")
    nr_cpus = u32(0x1C0, "processors")


class DiskDumpHeader64(Record, size=0x1D0):
    """`DiskDumpHeader64`: the first block, where the machine had 64 bits."""

    signature = raw(0x000, 8, "`KDUMP   `")
    header_version = u32(0x008, "6")
    machine = raw(0x110, 65, "utsname's machine, NUL ended; QEMU knows `x86_64` and `Unknown`")
    status = u32(0x1A8, "how pages are compressed: 1 zlib, 2 lzo, 4 snappy, 0x20 zstd")
    block_size = u32(0x1AC, "bytes of a block: 4096; ARM64: 65,536")
    sub_hdr_size = u32(0x1B0, "blocks of the second header")
    bitmap_blocks = u32(0x1B4, "blocks of both bitmaps")
    max_mapnr = u32(0x1B8, "page frames, where they fit")
    nr_cpus = u32(0x1CC, "processors")


class KdumpSubHeader32(Record, size=0x50):
    """`KdumpSubHeader32`: the second block."""

    offset_note = u64(0x20, "file offset of the notes, those of an ELF core")
    note_size = u32(0x28, "bytes of the notes")
    max_mapnr_64 = u64(0x48, "page frames")


class KdumpSubHeader64(Record, size=0x68):
    """`KdumpSubHeader64`: the second block."""

    offset_note = u64(0x30, "file offset of the notes, those of an ELF core")
    note_size = u64(0x38, "bytes of the notes")
    max_mapnr_64 = u64(0x60, "page frames")


class PageDescriptor(Record, size=0x18):
    """`PageDescriptor`: one for each page whose bit is set in the second bitmap, in their order."""

    offset = u64(0x00, "file offset of the page's bytes")
    size = u32(0x08, "bytes of them; as many as a block has: not compressed")
    flags = u32(0x0C, "how they are compressed: 0 not, 1 zlib, 2 lzo, 4 snappy, 0x20 zstd")
    page_flags = u64(0x10)
