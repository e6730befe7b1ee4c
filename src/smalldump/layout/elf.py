"""ELF cores of whole machines, as QEMU, libvirt and VirtualBox write them: headers, program headers, notes.

Source: the ELF specification (gABI); the notes' contents: public descriptions of QEMU's `QEMUCPUState` and of
VirtualBox's `DBGFCORECPU`.
"""

from __future__ import annotations

from smalldump.layout.record import Record, raw, u8, u16, u32, u64, words

__all__ = [
    "ELF_SIGNATURE",
    "DbgfCoreCpu",
    "DbgfCoreDescriptor",
    "ElfHeader32",
    "ElfHeader64",
    "NoteHeader",
    "PrStatusArm64",
    "ProgramHeader32",
    "ProgramHeader64",
    "QemuCpuState",
    "SectionHeader32",
    "SectionHeader64",
]

ELF_SIGNATURE = b"\x7fELF"


class ElfHeader32(Record, size=0x34):
    """`Elf32_Ehdr`."""

    magic = raw(0x00, 4, "0x7F, `ELF`")
    file_class = u8(0x04, "1: 32 bits, 2: 64 bits")
    encoding = u8(0x05, "1: little-endian")
    type = u16(0x10, "4: core")
    machine = u16(0x12, "3: x86, 62: x64, 183: ARM64")
    phoff = u32(0x1C, "file offset of the program headers")
    shoff = u32(0x20, "file offset of the section headers")
    phentsize = u16(0x2A, "bytes of a program header")
    phnum = u16(0x2C, "program headers; 0xFFFF: see the first section header")


class ElfHeader64(Record, size=0x40):
    """`Elf64_Ehdr`."""

    magic = raw(0x00, 4, "0x7F, `ELF`")
    file_class = u8(0x04, "1: 32 bits, 2: 64 bits")
    encoding = u8(0x05, "1: little-endian")
    type = u16(0x10, "4: core")
    machine = u16(0x12, "3: x86, 62: x64, 183: ARM64")
    phoff = u64(0x20, "file offset of the program headers")
    shoff = u64(0x28, "file offset of the section headers")
    phentsize = u16(0x36, "bytes of a program header")
    phnum = u16(0x38, "program headers; 0xFFFF: see the first section header")


class SectionHeader32(Record, size=0x28):
    """`Elf32_Shdr`: of the first one alone, and of that the number of program headers."""

    info = u32(0x1C, "program headers, where the header says 0xFFFF")


class SectionHeader64(Record, size=0x40):
    """`Elf64_Shdr`: of the first one alone, and of that the number of program headers."""

    info = u32(0x2C, "program headers, where the header says 0xFFFF")


class ProgramHeader32(Record, size=0x20):
    """`Elf32_Phdr`."""

    type = u32(0x00, "1: memory, 4: notes")
    offset = u32(0x04, "file offset")
    vaddr = u32(0x08, "virtual address")
    paddr = u32(0x0C, "physical address")
    filesz = u32(0x10, "bytes in the file")
    memsz = u32(0x14, "bytes in memory")


class ProgramHeader64(Record, size=0x38):
    """`Elf64_Phdr`."""

    type = u32(0x00, "1: memory, 4: notes")
    offset = u64(0x08, "file offset")
    vaddr = u64(0x10, "virtual address")
    paddr = u64(0x18, "physical address")
    filesz = u64(0x20, "bytes in the file")
    memsz = u64(0x28, "bytes in memory")


class NoteHeader(Record, size=0x0C):
    """`Elf_Nhdr`: name and description follow, each padded to four bytes."""

    namesz = u32(0, "bytes of the name, its NUL included")
    descsz = u32(4, "bytes of the description")
    type = u32(8)


class QemuCpuState(Record, size=0x1B0):
    """`QEMUCPUState`, version 1: the note of name `QEMU` for each processor, x86 and x64; 8 bytes more may follow.

    A segment is selector, limit, flags, padding (4 bytes each) and base (8 bytes).
    """

    version = u32(0x000, "1")
    size = u32(0x004, "bytes of the structure; 440 and more: the kernel's GS base follows")
    rax = u64(0x008)
    rbx = u64(0x010)
    rcx = u64(0x018)
    rdx = u64(0x020)
    rsi = u64(0x028)
    rdi = u64(0x030)
    rsp = u64(0x038)
    rbp = u64(0x040)
    r8 = u64(0x048)
    r9 = u64(0x050)
    r10 = u64(0x058)
    r11 = u64(0x060)
    r12 = u64(0x068)
    r13 = u64(0x070)
    r14 = u64(0x078)
    r15 = u64(0x080)
    rip = u64(0x088)
    rflags = u64(0x090)
    cs = u32(0x098, "selector; so with the following ones")
    ds = u32(0x0B0)
    es = u32(0x0C8)
    fs = u32(0x0E0)
    fs_base = u64(0x0F0)
    gs = u32(0x0F8)
    gs_base = u64(0x108)
    ss = u32(0x110)
    ldt = u32(0x128)
    tr = u32(0x140)
    tr_base = u64(0x150)
    gdt_limit = u32(0x15C)
    gdt_base = u64(0x168)
    idt_limit = u32(0x174)
    idt_base = u64(0x180)
    cr = words(0x188, 5, "Q", "CR0 to CR4")


class DbgfCoreDescriptor(Record, size=0x18):
    """`DBGFCOREDESCRIPTOR`: VirtualBox's note of name `VBCORE`."""

    magic = u32(0x00, "0xC01AC0DE")
    format_version = u32(0x04)
    size = u32(0x08)
    virtualbox_version = u32(0x0C)
    virtualbox_revision = u32(0x10)
    cpus = u32(0x14, "processors")


class DbgfCoreCpu(Record, size=0x240):
    """The part of `DBGFCORECPU` in front of the floating-point state: VirtualBox's note of name `VBCPU`.

    Format versions 0x00010004 and later; a segment is base, limit, attributes and selector.
    """

    rax = u64(0x000)
    rbx = u64(0x008)
    rcx = u64(0x010)
    rdx = u64(0x018)
    rsi = u64(0x020)
    rdi = u64(0x028)
    r8 = u64(0x030)
    r9 = u64(0x038)
    r10 = u64(0x040)
    r11 = u64(0x048)
    r12 = u64(0x050)
    r13 = u64(0x058)
    r14 = u64(0x060)
    r15 = u64(0x068)
    rip = u64(0x070)
    rsp = u64(0x078)
    rbp = u64(0x080)
    rflags = u64(0x088)
    cs = u16(0x0A0, "selector; so with the following ones")
    ds = u16(0x0B8)
    es = u16(0x0D0)
    fs_base = u64(0x0D8)
    fs = u16(0x0E8)
    gs_base = u64(0x0F0)
    gs = u16(0x100)
    ss = u16(0x118)
    cr0 = u64(0x120)
    cr2 = u64(0x128)
    cr3 = u64(0x130)
    cr4 = u64(0x138)
    dr = words(0x140, 8, "Q")
    gdt_base = u64(0x180)
    gdt_limit = u32(0x188)
    idt_base = u64(0x190)
    idt_limit = u32(0x198)
    tr_base = u64(0x1B8)
    tr = u16(0x1C8)
    kernel_gs_base = u64(0x218)


class PrStatusArm64(Record, size=0x188):
    """`NT_PRSTATUS` for ARM64: QEMU writes it for each processor. It tells no translation table."""

    x = words(0x70, 31, "Q", "x0 to x30")
    sp = u64(0x168)
    pc = u64(0x170)
    pstate = u64(0x178)
