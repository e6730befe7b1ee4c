"""Register contexts and exception records, whole: `CONTEXT` of x86, x64 and ARM64, `EXCEPTION_RECORD`, `KTRAP_FRAME`.

Sources: winnt.h of the Windows SDK for CONTEXT and EXCEPTION_RECORD; format reference §2.6 and §2.7 for the trap
frames (program counter to stack pointer seen in real dumps; entries marked "unverified" rest on one source). The trap
frame of ARM64 is declared in ntddk.h of the WDK; its offsets stand in .NET's unwinder. No real dump with one was seen.
"""

from __future__ import annotations

from smalldump.layout.record import Record, raw, u8, u16, u32, u64, words

__all__ = [
    "ContextArm64",
    "ContextX64",
    "ContextX86",
    "ExceptionRecord32",
    "ExceptionRecord64",
    "KspecialRegistersX64",
    "KspecialRegistersX86",
    "KtrapFrameArm64",
    "KtrapFrameX64",
    "KtrapFrameX86",
]


class ContextX64(Record, size=0x4D0):
    """`CONTEXT` of x64."""

    p_home = words(0x000, 6, "Q", "home space of the six parameters")
    context_flags = u32(0x030, "which parts are valid; 0x10000F or 0x10001F")
    mx_csr = u32(0x034)
    seg_cs = u16(0x038)
    seg_ds = u16(0x03A)
    seg_es = u16(0x03C)
    seg_fs = u16(0x03E)
    seg_gs = u16(0x040)
    seg_ss = u16(0x042)
    e_flags = u32(0x044)
    dr0 = u64(0x048)
    dr1 = u64(0x050)
    dr2 = u64(0x058)
    dr3 = u64(0x060)
    dr6 = u64(0x068)
    dr7 = u64(0x070)
    rax = u64(0x078)
    rcx = u64(0x080)
    rdx = u64(0x088)
    rbx = u64(0x090)
    rsp = u64(0x098)
    rbp = u64(0x0A0)
    rsi = u64(0x0A8)
    rdi = u64(0x0B0)
    r8 = u64(0x0B8)
    r9 = u64(0x0C0)
    r10 = u64(0x0C8)
    r11 = u64(0x0D0)
    r12 = u64(0x0D8)
    r13 = u64(0x0E0)
    r14 = u64(0x0E8)
    r15 = u64(0x0F0)
    rip = u64(0x0F8)
    control_word = u16(0x100, "x87 control word; here the FXSAVE area begins")
    status_word = u16(0x102, "x87 status word")
    tag_word = u8(0x104, "x87 tags, abridged")
    error_opcode = u16(0x106)
    error_offset = u32(0x108)
    error_selector = u16(0x10C)
    data_offset = u32(0x110)
    data_selector = u16(0x114)
    save_mx_csr = u32(0x118, "MXCSR of the FXSAVE area")
    mx_csr_mask = u32(0x11C)
    float_registers = words(0x120, 16, "Q", "st0 to st7: low and high half of each 16-byte slot")
    xmm_registers = words(0x1A0, 32, "Q", "xmm0 to xmm15: low and high half of each")
    vector_registers = raw(0x300, 0x1A0)
    vector_control = u64(0x4A0)
    debug_control = u64(0x4A8)
    last_branch_to_rip = u64(0x4B0)
    last_branch_from_rip = u64(0x4B8)
    last_exception_to_rip = u64(0x4C0)
    last_exception_from_rip = u64(0x4C8)


class ContextX86(Record, size=0x2CC):
    """`CONTEXT` of x86."""

    context_flags = u32(0x000, "which parts are valid")
    dr0 = u32(0x004)
    dr1 = u32(0x008)
    dr2 = u32(0x00C)
    dr3 = u32(0x010)
    dr6 = u32(0x014)
    dr7 = u32(0x018)
    control_word = u32(0x01C, "x87 control word; here FLOATING_SAVE_AREA begins")
    status_word = u32(0x020)
    tag_word = u32(0x024)
    error_offset = u32(0x028)
    error_selector = u32(0x02C)
    data_offset = u32(0x030)
    data_selector = u32(0x034)
    register_area = raw(0x038, 80, "st0 to st7, 10 bytes each")
    cr0_npx_state = u32(0x088)
    seg_gs = u32(0x08C)
    seg_fs = u32(0x090)
    seg_es = u32(0x094)
    seg_ds = u32(0x098)
    edi = u32(0x09C)
    esi = u32(0x0A0)
    ebx = u32(0x0A4)
    edx = u32(0x0A8)
    ecx = u32(0x0AC)
    eax = u32(0x0B0)
    ebp = u32(0x0B4)
    eip = u32(0x0B8)
    seg_cs = u32(0x0BC)
    e_flags = u32(0x0C0)
    esp = u32(0x0C4)
    seg_ss = u32(0x0C8)
    extended_header = raw(0x0CC, 0x18, "FXSAVE: control words and pointers")
    mx_csr = u32(0x0E4)
    mx_csr_mask = u32(0x0E8)
    extended_float_registers = raw(0x0EC, 0x80)
    xmm_registers = words(0x16C, 16, "Q", "xmm0 to xmm7: low and high half of each")


class ContextArm64(Record, size=0x390):
    """`CONTEXT` of ARM64."""

    context_flags = u32(0x000, "which parts are valid")
    cpsr = u32(0x004)
    x = words(0x008, 29, "Q", "x0 to x28")
    fp = u64(0x0F0, "x29")
    lr = u64(0x0F8, "x30")
    sp = u64(0x100)
    pc = u64(0x108)
    v = words(0x110, 64, "Q", "v0 to v31: low and high half of each")
    fpcr = u32(0x310)
    fpsr = u32(0x314)
    bcr = words(0x318, 8, "I", "breakpoint controls")
    bvr = words(0x338, 8, "Q", "breakpoint values")
    wcr = words(0x378, 2, "I", "watchpoint controls")
    wvr = words(0x380, 2, "Q", "watchpoint values")


class ExceptionRecord32(Record, size=0x50):
    """`EXCEPTION_RECORD32`."""

    exception_code = u32(0x00)
    exception_flags = u32(0x04, "1: not continuable")
    exception_record = u32(0x08, "address of the next record")
    exception_address = u32(0x0C)
    number_parameters = u32(0x10)
    exception_information = words(0x14, 15, "I")


class ExceptionRecord64(Record, size=0x98):
    """`EXCEPTION_RECORD64`."""

    exception_code = u32(0x00)
    exception_flags = u32(0x04, "1: not continuable")
    exception_record = u64(0x08, "address of the next record")
    exception_address = u64(0x10)
    number_parameters = u32(0x18)
    exception_information = words(0x20, 15, "Q")


class KtrapFrameX64(Record, size=0x190):
    """`KTRAP_FRAME` of x64; Rbx, Rsi, Rdi and R12 to R15 are not in it."""

    previous_irql = u8(0x029)
    mx_csr = u32(0x02C)
    rax = u64(0x030)
    rcx = u64(0x038)
    rdx = u64(0x040)
    r8 = u64(0x048)
    r9 = u64(0x050)
    r10 = u64(0x058)
    r11 = u64(0x060)
    xmm_registers = words(0x070, 12, "Q", "xmm0 to xmm5: low and high half of each")
    fault_address = u64(0x0D0)
    rbp = u64(0x158)
    error_code = u64(0x160)
    rip = u64(0x168)
    seg_cs = u16(0x170)
    e_flags = u32(0x178)
    rsp = u64(0x180)
    seg_ss = u16(0x188)


class KtrapFrameX86(Record, size=0x8C):
    """`KTRAP_FRAME` of x86."""

    edx = u32(0x03C)
    ecx = u32(0x040)
    eax = u32(0x044)
    edi = u32(0x054, "unverified")
    esi = u32(0x058, "unverified")
    ebx = u32(0x05C, "unverified")
    ebp = u32(0x060)
    err_code = u32(0x064, "unverified")
    eip = u32(0x068)
    seg_cs = u32(0x06C)
    e_flags = u32(0x070)
    hardware_esp = u32(0x074)
    hardware_seg_ss = u32(0x078)


class KspecialRegistersX64(Record, size=0xA8):
    """`KSPECIAL_REGISTERS` of x64, up to Cr8; what follows (MSRs) is zero in small dumps."""

    cr0 = u64(0x00)
    cr2 = u64(0x08, "last page fault address")
    cr3 = u64(0x10)
    cr4 = u64(0x18)
    kernel_dr0 = u64(0x20)
    kernel_dr1 = u64(0x28)
    kernel_dr2 = u64(0x30)
    kernel_dr3 = u64(0x38)
    kernel_dr6 = u64(0x40)
    kernel_dr7 = u64(0x48)
    gdtr_limit = u16(0x56)
    gdtr_base = u64(0x58)
    idtr_limit = u16(0x66)
    idtr_base = u64(0x68)
    tr = u16(0x70)
    ldtr = u16(0x72)
    mx_csr = u32(0x74)
    cr8 = u64(0xA0, "task priority: the IRQL")


class KspecialRegistersX86(Record, size=0x3C):
    """`KSPECIAL_REGISTERS` of x86, up to Ldtr."""

    cr0 = u32(0x00)
    cr2 = u32(0x04, "last page fault address")
    cr3 = u32(0x08)
    cr4 = u32(0x0C)
    kernel_dr0 = u32(0x10)
    kernel_dr1 = u32(0x14)
    kernel_dr2 = u32(0x18)
    kernel_dr3 = u32(0x1C)
    kernel_dr6 = u32(0x20)
    kernel_dr7 = u32(0x24)
    gdtr_limit = u16(0x2A)
    gdtr_base = u32(0x2C)
    idtr_limit = u16(0x32)
    idtr_base = u32(0x34)
    tr = u16(0x38)
    ldtr = u16(0x3A)


class KtrapFrameArm64(Record, size=0x150):
    """`KTRAP_FRAME` of ARM64; X19 to X28 are not in it."""

    exception_active = u8(0x000, "0: interrupt, 1: exception, 2: system call")
    context_from_kframes_unwound = u8(0x001)
    debug_registers_valid = u8(0x002)
    previous_mode = u8(0x003, "of interrupts: PreviousIrql")
    fault_status = u32(0x004, "of page faults")
    fault_address = u64(0x008, "of page faults; of system calls the previous trap frame")
    vfp_state = u64(0x010, "address of a KARM64_VFP_STATE")
    spsr = u32(0x090)
    esr = u32(0x094)
    sp = u64(0x098)
    x = words(0x0A0, 19, "Q", "x0 to x18")
    lr = u64(0x138)
    fp = u64(0x140)
    pc = u64(0x148)
