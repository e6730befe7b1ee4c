"""Structures by which a kernel is found in bare memory: they lie where the processor or Windows promises them.

Only the fields in use are named.
"""

from __future__ import annotations

from smalldump.layout.record import Record, u8, u16, u32, u64, utf16

__all__ = [
    "START_BLOCK_JUMP",
    "START_BLOCK_MASK",
    "DbgkdGetVersion64",
    "Kpcr32",
    "Kpcr64",
    "KuserSharedData",
    "ProcessorStartBlock",
]

START_BLOCK_JUMP, START_BLOCK_MASK = 0x00000001000600E9, 0xFFFFFFFFFFFF00FF
"""What the first eight bytes of a PROCESSOR_START_BLOCK are, under which mask: a jump over the block and two flags."""


class KuserSharedData(Record, size=0x2F0):
    """`KUSER_SHARED_DATA`, the page that Windows shows to every process, at one address for all versions.

    Source: ntddk.h of the Windows Driver Kit.
    """

    interrupt_time_low = u32(0x008, "since boot, 100 ns units")
    interrupt_time_high1 = u32(0x00C)
    interrupt_time_high2 = u32(0x010, "equal to the first, else an update was under way")
    system_time_low = u32(0x014, "FILETIME, UTC")
    system_time_high1 = u32(0x018)
    system_time_high2 = u32(0x01C, "equal to the first, else an update was under way")
    nt_system_root = utf16(0x030, 260, "`C:\\Windows`, NUL ended")
    nt_build_number = u32(0x260, "since Windows 10; upper bits are flags")
    nt_product_type = u32(0x264, "1 workstation, 2 domain controller, 3 server")
    native_processor_architecture = u16(0x26A, "PROCESSOR_ARCHITECTURE_*, since Windows 8: 0 x86, 9 x64, 12 ARM64")
    nt_major_version = u32(0x26C)
    nt_minor_version = u32(0x270)
    boot_id = u32(0x2C4, "boot counter, since Windows 7")
    suite_mask = u32(0x2D0, "VER_SUITE_* bits")
    number_of_physical_pages = u32(0x2E8)


class Kpcr64(Record, size=0x180):
    """`KPCR` of x64, where the kernel's GS points. The KPRCB follows it.

    Source: public symbols, the same on all builds; format reference §4.
    """

    gdt_base = u64(0x000)
    self_address = u64(0x018, "its own address; `Self` in the symbols")
    current_prcb = u64(0x020)
    idt_base = u64(0x038)
    kd_version_block = u64(0x108, "address of a DBGKD_GET_VERSION64, often 0")


class Kpcr32(Record, size=0x120):
    """`KPCR` of x86, where the kernel's FS points. The KPRCB follows it. Source: public symbols, same on all builds."""

    self_pcr = u32(0x01C, "its own address")
    prcb = u32(0x020)
    kd_version_block = u32(0x034, "address of a DBGKD_GET_VERSION64")
    idt = u32(0x038)
    gdt = u32(0x03C)


class DbgkdGetVersion64(Record, size=0x28):
    """`DBGKD_GET_VERSION64`, what a kernel tells a debugger first (nt!KdVersionBlock).

    Source: wdbgexts.h of the Windows SDK; format reference §4.1.
    """

    major_version = u16(0x00, "0xF free build, 0xC checked build")
    minor_version = u16(0x02, "Windows build number")
    protocol_version = u8(0x04)
    machine_type = u16(0x08, "IMAGE_FILE_MACHINE_*")
    kern_base = u64(0x10, "base of the kernel image")
    ps_loaded_module_list = u64(0x18, "address of the list head")
    debugger_data_list = u64(0x20, "address of the list head whose Flink is KDDEBUGGER_DATA64")


class ProcessorStartBlock(Record, size=0xA8):
    """`PROCESSOR_START_BLOCK` of x64, the low stub: a page below 1 MB from which processors start and wake.

    Source: public descriptions; seen on machines made by tools only.
    """

    jump = u64(0x00, "a near jump and two flags, see START_BLOCK_JUMP")
    long_mode_target = u64(0x70, "address in the kernel that is jumped to")
    cr3 = u64(0xA0, "the kernel's page tables")
