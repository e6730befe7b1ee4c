"""What follows the dump header where all or much of memory was dumped: which pages, and where they lie.

A complete dump (type 1) has no such header: its pages follow the dump header, run by run of the physical memory block.
"""

from __future__ import annotations

from smalldump.layout.record import Record, raw, u32, u64

__all__ = [
    "FULL_DUMP",
    "RDMP_DUMP",
    "RDMP_MARK",
    "SUMMARY_DUMP",
    "BitmapDump",
    "RdmpDump",
    "RdmpRun",
    "SummaryDump32",
    "SummaryDump64",
]

SUMMARY_DUMP = b"SDMPDUMP"
FULL_DUMP = b"FDMPDUMP"
RDMP_DUMP = b"RDMPDUMP"
RDMP_MARK = 0x40


class SummaryDump32(Record, size=0x20):
    """`SUMMARY_DUMP32` behind the header of a kernel memory dump up to Windows 7; the bitmap follows.

    Source: format reference §6.1, confirmed with Microsoft's engine as reader.
    """

    signature = raw(0x00, 4, "`SDMP`")
    valid_dump = raw(0x04, 4, "`DUMP`")
    dump_options = u32(0x08, "1: kernel memory, 2: the current process's memory, too")
    header_size = u32(0x0C, "file offset of the first page")
    bitmap_size = u32(0x10, "bits of the bitmap: page frames of the machine")
    pages = u32(0x14, "pages in the file")
    size_of_bit_map = u32(0x18, "bits of the bitmap, again")
    buffer = u32(0x1C, "an address of the machine that was, of no use")


class SummaryDump64(Record, size=0x28):
    """`SUMMARY_DUMP64` behind the header of a kernel memory dump up to Windows 7; the bitmap follows.

    Source: format reference §6.1, confirmed with Microsoft's engine as reader.
    """

    signature = raw(0x00, 4, "`SDMP`")
    valid_dump = raw(0x04, 4, "`DUMP`")
    dump_options = u32(0x08, "1: kernel memory, 2: the current process's memory, too")
    header_size = u32(0x0C, "file offset of the first page")
    bitmap_size = u32(0x10, "bits of the bitmap: page frames of the machine")
    pages = u32(0x14, "pages in the file")
    size_of_bit_map = u32(0x18, "bits of the bitmap, again")
    buffer = u64(0x20, "an address of the machine that was, of no use")


class BitmapDump(Record, size=0x38):
    """The header of a bitmap dump (types 5 and 6), 32 and 64 bits alike; the bitmap follows.

    Bit n, from the low end of each byte, is page frame n; pages whose bit is set follow one another.

    Source: format reference §6.1, confirmed with Microsoft's engine as reader.
    """

    signature = raw(0x00, 4, "`SDMP` or `FDMP`")
    valid_dump = raw(0x04, 4, "`DUMP`")
    options = u32(0x08)
    first_page = u64(0x20, "file offset of the first page, seldom page aligned")
    total_present_pages = u64(0x28, "pages in the file: bits that are set")
    pages = u64(0x30, "bits of the bitmap: page frames of the machine")


class RdmpDump(Record, size=0x30):
    """The header of a dump that a debugger wrote (types 8, 9 and 10), 64 bits only; its runs follow.

    The first page lies at 0x2020 + metadata_size.

    Source: format reference §6.1 (one public reader); unverified, no dump seen.
    """

    mark = u32(0x00, "0x40")
    signature = raw(0x04, 4, "`RDMP`")
    valid_dump = raw(0x08, 4, "`DUMP`")
    metadata_size = u64(0x10, "bytes from 0x20 of this header up to the first page")
    first_page_offset = u64(0x18, "file offset of the first page")
    number_of_ranges = u32(0x20, "runs; type 10 only, unknown in others")
    total_number_of_pages = u64(0x28, "pages of all runs; type 10 only, unknown in others")


class RdmpRun(Record, size=0x10):
    """A run of pages in a dump that a debugger wrote; page 0 ends the list. Source: format reference §6.1."""

    base_page = u64(0)
    page_count = u64(8)
