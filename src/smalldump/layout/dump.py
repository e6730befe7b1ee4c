"""The headers that every Windows kernel dump begins with: `DUMP_HEADER32` and `DUMP_HEADER64`.

Before the fields are set the whole header is filled with the bytes `PAGE`; a field that still holds them was never
written. `is_fill` recognises that.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any

from smalldump.layout.record import Field, Record, raw, u8, u16, u32, u64

__all__ = [
    "FILL",
    "SIGNATURE_32",
    "SIGNATURE_64",
    "Attributes",
    "DumpHeader32",
    "DumpHeader64",
    "DumpType",
    "MachineType",
    "MemoryRun32",
    "MemoryRun64",
    "PhysicalMemoryDescriptor32",
    "PhysicalMemoryDescriptor64",
    "is_fill",
]

FILL = b"PAGE"
SIGNATURE_32 = b"PAGEDUMP"
SIGNATURE_64 = b"PAGEDU64"


class DumpHeader32(Record, size=0x1000):
    """`DUMP_HEADER32`, the first 4 KiB of a 32-bit kernel dump.

    Source: mindumpdef.h of the Windows SDK; format reference §2.2, offsets probed with Microsoft's engine.
    """

    signature = raw(0x000, 4, "`PAGE`")
    valid_dump = raw(0x004, 4, "`DUMP`")
    major_version = u32(0x008, "0xF free build, 0xC checked build")
    minor_version = u32(0x00C, "Windows build number")
    directory_table_base = u32(0x010, "CR3; with PAE the physical address of the page directory pointer table")
    pfn_data_base = u32(0x014, "PFN database, or the address of its variable (dbgeng)")
    ps_loaded_module_list = u32(0x018, "address of the loaded module list head")
    ps_active_process_head = u32(0x01C, "address of the process list head")
    machine_image_type = u32(0x020, "IMAGE_FILE_MACHINE_*")
    number_processors = u32(0x024, "processors of the machine")
    bug_check_code = u32(0x028, "bit 28: the writer replaced the context")
    bug_check_parameter1 = u32(0x02C)
    bug_check_parameter2 = u32(0x030)
    bug_check_parameter3 = u32(0x034)
    bug_check_parameter4 = u32(0x038)
    version_user = raw(0x03C, 32, "not used")
    pae_enabled = u8(0x05C, "1: PAE paging; since Windows 2000")
    kd_secondary_version = u8(0x05D, "CONTEXT revision for debuggers; since Server 2003 SP1")
    spare = u16(0x05E)
    kd_debugger_data_block = u32(0x060, "address of the debugger data block; since Windows 2000 SP1")
    physical_memory_block = raw(0x064, 700, "PHYSICAL_MEMORY_DESCRIPTOR32")
    context_record = raw(0x320, 1200, "CONTEXT of the crash")
    exception = raw(0x7D0, 0x50, "EXCEPTION_RECORD32")
    comment = raw(0x820, 128, "text, NUL ended")
    attributes = u32(0x8A0, "DUMP_FILE_ATTRIBUTES; newer headers only")
    boot_id = u32(0x8A4, "boot counter; newer headers only")
    reserved0 = raw(0x8A8, 0xF88 - 0x8A8)
    dump_type = u32(0xF88, "4: small memory dump; since Windows 2000")
    mini_dump_fields = u32(0xF8C, "which sections were asked for (bits, see MiniDumpFields)")
    secondary_data_state = u32(0xF90, "NTSTATUS of writing the secondary data")
    product_type = u32(0xF94, "1 workstation, 2 domain controller, 3 server")
    suite_mask = u32(0xF98, "VER_SUITE_* bits")
    writer_status = u32(0xF9C, "dbgeng: 0 ok, 1 no module list, 2 corrupt module list")
    required_dump_space = u64(0xFA0, "bytes that the dump needs")
    reserved2 = raw(0xFA8, 16)
    system_up_time = u64(0xFB8, "100 ns units since boot; since Windows XP")
    system_time = u64(0xFC0, "FILETIME of the crash, UTC; since Windows 2000")
    reserved3 = raw(0xFC8, 56)


class DumpHeader64(Record, size=0x2000):
    """`DUMP_HEADER64`, the first 8 KiB of a 64-bit kernel dump.

    Source: mindumpdef.h of the Windows SDK; format reference §2.1, offsets seen in 59 real small memory dumps.
    """

    signature = raw(0x000, 4, "`PAGE`")
    valid_dump = raw(0x004, 4, "`DU64`")
    major_version = u32(0x008, "0xF free build, 0xC checked build")
    minor_version = u32(0x00C, "Windows build number")
    directory_table_base = u64(0x010, "CR3 of the crashing processor, without PCID in kernel-written dumps")
    pfn_data_base = u64(0x018, "PFN database, or the address of its variable (dbgeng)")
    ps_loaded_module_list = u64(0x020, "address of the loaded module list head")
    ps_active_process_head = u64(0x028, "address of the process list head")
    machine_image_type = u32(0x030, "IMAGE_FILE_MACHINE_*")
    number_processors = u32(0x034, "processors of the machine")
    bug_check_code = u32(0x038, "bit 28: the writer replaced the context")
    bug_check_parameter1 = u64(0x040)
    bug_check_parameter2 = u64(0x048)
    bug_check_parameter3 = u64(0x050)
    bug_check_parameter4 = u64(0x058)
    version_user = raw(0x060, 32, "not used")
    kd_debugger_data_block = u64(0x080, "address of the debugger data block")
    physical_memory_block = raw(0x088, 700, "PHYSICAL_MEMORY_DESCRIPTOR64")
    context_record = raw(0x348, 3000, "CONTEXT of the crash")
    exception = raw(0xF00, 0x98, "EXCEPTION_RECORD64")
    dump_type = u32(0xF98, "4: small memory dump")
    required_dump_space = u64(0xFA0, "bytes that the dump needs")
    system_time = u64(0xFA8, "FILETIME of the crash, UTC")
    comment = raw(0xFB0, 128, "text, NUL ended")
    system_up_time = u64(0x1030, "100 ns units since boot")
    mini_dump_fields = u32(0x1038, "which sections were asked for (bits, see MiniDumpFields)")
    secondary_data_state = u32(0x103C, "NTSTATUS of writing the secondary data")
    product_type = u32(0x1040, "1 workstation, 2 domain controller, 3 server")
    suite_mask = u32(0x1044, "VER_SUITE_* bits")
    writer_status = u32(0x1048, "dbgeng: 0 ok, 1 no module list, 2 corrupt module list")
    unused1 = u8(0x104C)
    kd_secondary_version = u8(0x104D, "CONTEXT revision for debuggers")
    unused = u16(0x104E)
    attributes = u32(0x1050, "DUMP_FILE_ATTRIBUTES")
    boot_id = u32(0x1054, "boot counter")
    reserved = raw(0x1058, 4008)


class PhysicalMemoryDescriptor32(Record, size=8):
    """Head of the 32-bit physical memory block; up to 86 runs follow. Source: format reference §2.3."""

    number_of_runs = u32(0)
    number_of_pages = u32(4)


class PhysicalMemoryDescriptor64(Record, size=0x10):
    """Head of the 64-bit physical memory block; up to 43 runs follow. Source: format reference §2.3."""

    number_of_runs = u32(0)
    number_of_pages = u64(8)


class MemoryRun32(Record, size=8):
    """A run of physical pages of 4 KiB. Source: format reference §2.3."""

    base_page = u32(0)
    page_count = u32(4)


class MemoryRun64(Record, size=0x10):
    """A run of physical pages of 4 KiB. Source: format reference §2.3."""

    base_page = u64(0)
    page_count = u64(8)


class DumpType(IntEnum):
    """What kind of dump follows the header. Source: format reference §2.4."""

    FULL = 1
    SUMMARY = 2
    HEADER = 3
    TRIAGE = 4
    BITMAP_FULL = 5
    BITMAP_KERNEL = 6
    AUTOMATIC = 7
    RDMP_KERNEL = 8
    RDMP_KERNEL_AND_USER = 9
    RDMP_FULL = 10

    @property
    def words(self) -> str:
        """The kind of dump in words."""
        return _TYPE_WORDS[self]


_TYPE_WORDS = {
    DumpType.FULL: "complete memory dump",
    DumpType.SUMMARY: "kernel memory dump (summary)",
    DumpType.HEADER: "header only",
    DumpType.TRIAGE: "small memory dump",
    DumpType.BITMAP_FULL: "complete memory dump (bitmap)",
    DumpType.BITMAP_KERNEL: "kernel memory dump (bitmap)",
    DumpType.AUTOMATIC: "automatic memory dump",
    DumpType.RDMP_KERNEL: "kernel memory dump of a debugger (.dump /k)",
    DumpType.RDMP_KERNEL_AND_USER: "kernel and user memory dump of a debugger (.dump /ka)",
    DumpType.RDMP_FULL: "complete memory dump of a debugger (.dump /f)",
}


class MachineType(IntEnum):
    """Processor architecture, as `IMAGE_FILE_MACHINE_*` of the PE format."""

    X86 = 0x14C
    ALPHA = 0x184
    ARM = 0x1C4
    IA64 = 0x200
    ALPHA64 = 0x284
    X64 = 0x8664
    ARM64 = 0xAA64


class Attributes(IntFlag):
    """`DUMP_FILE_ATTRIBUTES`. Source: mindumpdef.h of the Windows SDK; format reference §2.5."""

    HIBER_CRASH = 0x001
    DUMP_DEVICE_POWER_OFF = 0x002
    INSUFFICIENT_DUMPFILE_SIZE = 0x004
    KERNEL_GENERATED_TRIAGE_DUMP = 0x008
    LIVE_DUMP_GENERATED_DUMP = 0x010
    DUMP_IS_GENERATED_OFFLINE = 0x020
    FILTER_DUMP_FILE = 0x040
    EARLY_BOOT_CRASH = 0x080
    ENCRYPTED_DUMP_DATA = 0x100
    DECRYPTED_DUMP = 0x200


def is_fill(field: Field[Any], value: object) -> bool:
    """Whether `value`, read from the header field `field`, is still the `PAGE` fill.

    The fill repeats every four bytes, so what an unwritten field shows depends on its offset.
    """
    pattern = (FILL * (field.size // 4 + 2))[field.offset % 4 :][: field.size]
    if isinstance(value, bytes):
        return value == pattern
    return value == int.from_bytes(pattern, "little")
