"""What makes a dump a small one: `TRIAGE_DUMP32/64` and the sections that it points to.

Source of all: format reference §3; the 64-bit half was seen in 59 real dumps, the 32-bit half was probed with
Microsoft's engine.
"""

from __future__ import annotations

from enum import IntFlag

from smalldump.layout.record import Record, raw, u16, u32, u64, utf16

__all__ = [
    "DATA_BLOCK_LIMIT",
    "MARKER",
    "UNLOADED_SLOTS",
    "DriverEntry32",
    "DriverEntry64",
    "DumpString",
    "MiTriageStorage32",
    "MiTriageStorage64",
    "MiniDumpFields",
    "TriageDataBlock",
    "TriageDump32",
    "TriageDump64",
    "UnloadedDriver32",
    "UnloadedDriver64",
]

MARKER = b"TRGD"
"""The last four bytes of the primary dump, at `ValidOffset`."""
UNLOADED_SLOTS = 50
"""Entries that the kernel keeps of unloaded drivers; kernel-written dumps reserve them all."""
DATA_BLOCK_LIMIT = 16_384
"""Most data blocks that are read; real dumps hold up to 2,667, and 64 MiB have no room for more pages."""


class TriageDump32(Record, size=0x68):
    """`TRIAGE_DUMP32`, right behind the 32-bit header. All offsets are file offsets."""

    service_pack_build = u32(0x00, "copy of CmNtCSDVersion: service pack in bits 8 to 15")
    size_of_dump = u32(0x04, "bytes of the primary dump; secondary data starts here")
    valid_offset = u32(0x08, "offset of the end marker, SizeOfDump - 4")
    context_offset = u32(0x0C, "the context in the header")
    exception_offset = u32(0x10, "the exception record in the header")
    mm_offset = u32(0x14, "MI_TRIAGE_STORAGE")
    unloaded_drivers_offset = u32(0x18, "u32 count, then the entries")
    prcb_offset = u32(0x1C, "copy of the crashing processor's KPRCB")
    process_offset = u32(0x20, "copy of the EPROCESS")
    thread_offset = u32(0x24, "copy of the ETHREAD")
    call_stack_offset = u32(0x28, "bytes of the call stack")
    size_of_call_stack = u32(0x2C, "bytes")
    driver_list_offset = u32(0x30, "DUMP_DRIVER_ENTRY32 array")
    driver_count = u32(0x34)
    string_pool_offset = u32(0x38, "DUMP_STRING sequence")
    string_pool_size = u32(0x3C, "bytes")
    broken_driver_offset = u32(0x40, "the driver that Windows blames; 0: none")
    triage_options = u32(0x44, "0xFFFFFFFF: written by dbgeng")
    top_of_stack = u32(0x48, "lowest address of the saved stack")
    data_page_address = u32(0x4C, "address of one extra page")
    data_page_offset = u32(0x50)
    data_page_size = u32(0x54, "bytes")
    debugger_data_offset = u32(0x58, "copy of the debugger data block")
    debugger_data_size = u32(0x5C, "bytes")
    data_blocks_offset = u32(0x60, "TRIAGE_DATA_BLOCK array")
    data_blocks_count = u32(0x64)


class TriageDump64(Record, size=0x80):
    """`TRIAGE_DUMP64`, right behind the 64-bit header. All offsets are file offsets."""

    service_pack_build = u32(0x00, "copy of CmNtCSDVersion: service pack in bits 8 to 15")
    size_of_dump = u32(0x04, "bytes of the primary dump; secondary data starts here")
    valid_offset = u32(0x08, "offset of the end marker, SizeOfDump - 4")
    context_offset = u32(0x0C, "the context in the header")
    exception_offset = u32(0x10, "the exception record in the header")
    mm_offset = u32(0x14, "MI_TRIAGE_STORAGE")
    unloaded_drivers_offset = u32(0x18, "u64 count, then the entries")
    prcb_offset = u32(0x1C, "copy of the crashing processor's KPRCB")
    process_offset = u32(0x20, "copy of the EPROCESS")
    thread_offset = u32(0x24, "copy of the ETHREAD")
    call_stack_offset = u32(0x28, "bytes of the call stack")
    size_of_call_stack = u32(0x2C, "bytes")
    driver_list_offset = u32(0x30, "DUMP_DRIVER_ENTRY64 array")
    driver_count = u32(0x34)
    string_pool_offset = u32(0x38, "DUMP_STRING sequence")
    string_pool_size = u32(0x3C, "bytes")
    broken_driver_offset = u32(0x40, "the driver that Windows blames; 0: none")
    triage_options = u32(0x44, "0xFFFFFFFF: written by dbgeng")
    top_of_stack = u64(0x48, "lowest address of the saved stack")
    b_store_offset = u32(0x50, "IA64: register backing store")
    size_of_b_store = u32(0x54, "IA64; bytes")
    limit_of_b_store = u64(0x58, "IA64")
    data_page_address = u64(0x60, "address of one extra page")
    data_page_offset = u32(0x68)
    data_page_size = u32(0x6C, "bytes")
    debugger_data_offset = u32(0x70, "copy of the debugger data block")
    debugger_data_size = u32(0x74, "bytes")
    data_blocks_offset = u32(0x78, "TRIAGE_DATA_BLOCK array")
    data_blocks_count = u32(0x7C)


class MiniDumpFields(IntFlag):
    """Sections that the writer was asked for; no proof of presence. Source: format reference §3.3."""

    CONTEXT = 0x001
    EXCEPTION = 0x002
    PRCB = 0x004
    PROCESS = 0x008
    THREAD = 0x010
    STACK = 0x020
    DRIVER_LIST = 0x040
    BROKEN_DRIVER = 0x080
    MMINFO = 0x100
    DATAPAGE = 0x200
    DEBUGGER_DATA = 0x400
    DATA_BLOCKS = 0x800


class MiTriageStorage32(Record, size=0x34):
    """`MI_TRIAGE_STORAGE` of 32-bit dumps: memory manager counters, in pages unless said otherwise."""

    version = u32(0x00, "1")
    size = u32(0x04, "bytes of this block")
    mm_special_pool_tag = u32(0x08, "pool tag under special pool")
    mi_triage_action_taken = u32(0x0C)
    mm_verify_driver_level = u32(0x10, "Driver Verifier options")
    kernel_verifier = u32(0x14, "non-zero: the kernel is verified")
    mm_maximum_non_paged_pool = u32(0x18)
    mm_allocated_non_paged_pool = u32(0x1C)
    paged_pool_maximum = u32(0x20)
    paged_pool_allocated = u32(0x24)
    committed_pages = u32(0x28)
    committed_pages_peak = u32(0x2C)
    commit_limit_maximum = u32(0x30)


class MiTriageStorage64(Record, size=0x50):
    """`MI_TRIAGE_STORAGE` of 64-bit dumps: memory manager counters, in pages unless said otherwise."""

    version = u32(0x00, "1")
    size = u32(0x04, "bytes of this block")
    mm_special_pool_tag = u32(0x08, "pool tag under special pool")
    mi_triage_action_taken = u32(0x0C)
    mm_verify_driver_level = u32(0x10, "Driver Verifier options")
    kernel_verifier = u32(0x14, "non-zero: the kernel is verified")
    mm_maximum_non_paged_pool = u64(0x18)
    mm_allocated_non_paged_pool = u64(0x20)
    paged_pool_maximum = u64(0x28)
    paged_pool_allocated = u64(0x30)
    committed_pages = u64(0x38)
    committed_pages_peak = u64(0x40)
    commit_limit_maximum = u64(0x48)


class UnloadedDriver32(Record, size=0x28):
    """`DUMP_UNLOADED_DRIVERS32`: one driver that was unloaded; most recent first in the file."""

    length = u16(0x00, "bytes of the name")
    maximum_length = u16(0x02)
    buffer = u32(0x04, "pointer of the writer, meaningless")
    driver_name = utf16(0x08, 12, "cut at 12 characters, then without NUL")
    start_address = u32(0x20)
    end_address = u32(0x24)


class UnloadedDriver64(Record, size=0x38):
    """`DUMP_UNLOADED_DRIVERS64`: one driver that was unloaded; most recent first in the file."""

    length = u16(0x00, "bytes of the name")
    maximum_length = u16(0x02)
    buffer = u64(0x08, "pointer of the writer, meaningless")
    driver_name = utf16(0x10, 12, "cut at 12 characters, then without NUL")
    start_address = u64(0x28)
    end_address = u64(0x30)


class DriverEntry32(Record, size=0x4C):
    """`DUMP_DRIVER_ENTRY32`: name offset and a copy of the loader entry of a loaded driver."""

    driver_name_offset = u32(0x00, "file offset of a DUMP_STRING")
    entry = raw(0x04, 0x18, "list links, exception table, debug information")
    dll_base = u32(0x1C)
    entry_point = u32(0x20)
    size_of_image = u32(0x24, "bytes")
    names = raw(0x28, 0x10, "two UNICODE_STRINGs whose pointers lead nowhere")
    flags = u32(0x38)
    load_count = u16(0x3C)
    check_sum = u32(0x44, "of the PE header; 0: the header was paged out")
    time_date_stamp = u32(0x48, "of the PE header; 0: the header was paged out")


class DriverEntry64(Record, size=0x90):
    """`DUMP_DRIVER_ENTRY64`: name offset and a copy of the loader entry of a loaded driver."""

    driver_name_offset = u32(0x00, "file offset of a DUMP_STRING")
    entry = raw(0x08, 0x30, "list links, exception table, debug information")
    dll_base = u64(0x38)
    entry_point = u64(0x40)
    size_of_image = u32(0x48, "bytes")
    names = raw(0x50, 0x20, "two UNICODE_STRINGs whose pointers lead nowhere")
    flags = u32(0x70)
    load_count = u16(0x74)
    check_sum = u32(0x80, "of the PE header; 0: the header was paged out")
    time_date_stamp = u32(0x88, "of the PE header; 0: the header was paged out")


class DumpString(Record, size=4):
    """Head of a `DUMP_STRING`: UTF-16 characters, a NUL and padding to 8 bytes follow."""

    length = u32(0, "characters, not bytes, without the NUL")


class TriageDataBlock(Record, size=0x10):
    """`TRIAGE_DATA_BLOCK`: a piece of memory; the same in 32-bit dumps, where the address is sign-extended."""

    address = u64(0x00)
    offset = u32(0x08, "file offset of the bytes")
    size = u32(0x0C, "bytes")
