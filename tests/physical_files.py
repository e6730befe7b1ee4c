"""Containers of physical memory, built by hand with literal offsets: an opinion independent of `layout`.

Memory is a mapping from page frame number to 4 KiB; `page(n)` fills one so that every page differs.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "arm64_note",
    "bitmap_dump",
    "complete_dump",
    "elf_core",
    "flattened",
    "header32",
    "header64",
    "kdump",
    "lime_image",
    "page",
    "qemu_note",
    "rdmp_dump",
    "runs_of",
    "summary_dump",
    "vbox_note",
    "vmware_state",
]

_TO_R15 = ("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip")
_QEMU_REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp", *_TO_R15, "efl")
_VBOX_REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", *_TO_R15, "rsp", "rbp", "efl")

Memory = Mapping[int, bytes]
Runs = Sequence[tuple[int, int]]


def page(number: int) -> bytes:
    """4 KiB that tell which page they are."""
    return struct.pack("<QQ", number, ~number & 0xFFFFFFFFFFFFFFFF) * 256


def runs_of(memory: Memory) -> list[tuple[int, int]]:
    """First page and count of each run, ascending."""
    runs: list[tuple[int, int]] = []
    for number in sorted(memory):
        if runs and sum(runs[-1]) == number:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((number, 1))
    return runs


def header64(kind: int, runs: Runs, pages: int | None = None, count: int | None = None) -> bytearray:
    """DUMP_HEADER64 with its physical memory block."""
    data = bytearray(b"PAGE" * 0x800)
    data[0:8] = b"PAGEDU64"
    struct.pack_into("<I", data, 0x30, 0x8664)
    struct.pack_into(
        "<IIQ", data, 0x88, len(runs) if count is None else count, 0, _total(runs) if pages is None else pages
    )
    for index, run in enumerate(runs):
        struct.pack_into("<QQ", data, 0x98 + 16 * index, *run)
    struct.pack_into("<I", data, 0xF98, kind)
    return data


def header32(kind: int, runs: Runs) -> bytearray:
    """DUMP_HEADER32 with its physical memory block."""
    data = bytearray(b"PAGE" * 0x400)
    data[0:8] = b"PAGEDUMP"
    struct.pack_into("<I", data, 0x20, 0x14C)
    struct.pack_into("<II", data, 0x64, len(runs), _total(runs))
    for index, run in enumerate(runs):
        struct.pack_into("<II", data, 0x6C + 8 * index, *run)
    struct.pack_into("<I", data, 0xF88, kind)
    return data


def _total(runs: Runs) -> int:
    return sum(count for _, count in runs) & 0xFFFFFFFF


def _header(bits: int, kind: int, runs: Runs) -> bytearray:
    return header64(kind, runs) if bits == 64 else header32(kind, runs)


def _pages(memory: Memory) -> bytes:
    return b"".join(memory[number] for number in sorted(memory))


def _bits(memory: Memory, bits: int) -> bytes:
    data = bytearray((bits + 7) // 8)
    for number in memory:
        data[number >> 3] |= 1 << (number & 7)
    return bytes(data)


def complete_dump(memory: Memory, bits: int = 64, tail: bytes = b"") -> bytes:
    """Type 1."""
    return bytes(_header(bits, 1, runs_of(memory))) + _pages(memory) + tail


def bitmap_dump(memory: Memory, frames: int, bits: int = 64, kind: int = 5) -> bytes:
    """Types 5 and 6."""
    header = _header(bits, kind, runs_of(memory))
    bitmap = _bits(memory, frames)
    first = len(header) + 0x38 + len(bitmap)
    sort = b"FDMPDUMP" if kind == 5 else b"SDMPDUMP"
    return bytes(header) + struct.pack("<8sI20xQQQ", sort, 0, first, len(memory), frames) + bitmap + _pages(memory)


def summary_dump(memory: Memory, frames: int, bits: int = 64) -> bytes:
    """Type 2, as Windows 7 and older wrote it."""
    header = _header(bits, 2, runs_of(memory))
    bitmap = _bits(memory, frames)
    start = len(header) + (0x28 if bits == 64 else 0x20) + len(bitmap)
    first = (start + 0xFFF) & ~0xFFF
    head = struct.pack("<8sIIIII", b"SDMPDUMP", 1, first, frames, len(memory), frames)
    head += bytes(12 if bits == 64 else 4)
    return bytes(header) + head + bitmap + bytes(first - start) + _pages(memory)


def rdmp_dump(memory: Memory, kind: int = 8) -> bytes:
    """Types 8, 9 and 10."""
    runs = runs_of(memory)
    records = b"".join(struct.pack("<QQ", *run) for run in runs) + bytes(16)
    size = 0x10 + len(records)
    more = struct.pack("<IIQ", len(runs), 0, len(memory)) if kind == 10 else b"\xee" * 16
    head = struct.pack("<I4s4sIQQ", 0x40, b"RDMP", b"DUMP", 0, size, 0x2020 + size)
    return bytes(header64(kind, runs)) + head + more + records + _pages(memory)


def lime_image(memory: Memory) -> bytes:
    """LiME, version 1."""
    out = b""
    for first, count in runs_of(memory):
        start = first << 12
        out += struct.pack("<IIQQ8x", 0x4C694D45, 1, start, start + (count << 12) - 1)
        out += b"".join(memory[number] for number in range(first, first + count))
    return out


def _note(name: bytes, kind: int, data: bytes) -> bytes:
    padded = name + bytes(4 - len(name) % 4)
    return struct.pack("<III", len(name) + 1, len(data), kind) + padded + data + bytes(-len(data) % 4)


def qemu_note(registers: Mapping[str, int], size: int = 440) -> bytes:
    """QEMU's CPU note; segment bases are named `gs_base` and so on."""
    data = bytearray(440)
    struct.pack_into("<II", data, 0, 1, size)
    places = _QEMU_REGISTERS
    offsets = {name: 8 + 8 * index for index, name in enumerate(places)}
    offsets |= {"fs_base": 0xF0, "gs_base": 0x108, "tss": 0x150, "gdt": 0x168, "idt": 0x180}
    offsets |= {"cr0": 0x188, "cr2": 0x198, "cr3": 0x1A0, "cr4": 0x1A8, "kernel_gs_base": 0x1B0}
    for name, value in registers.items():
        struct.pack_into("<Q", data, offsets[name], value)
    return _note(b"QEMU", 0, bytes(data[:size]))


def vbox_note(registers: Mapping[str, int]) -> bytes:
    """VirtualBox's CPU note."""
    data = bytearray(8768)
    places = _VBOX_REGISTERS
    offsets = {name: 8 * index for index, name in enumerate(places)}
    offsets |= {"fs_base": 0xD8, "gs_base": 0xF0, "cr0": 0x120, "cr2": 0x128, "cr3": 0x130, "cr4": 0x138}
    offsets |= {"gdt": 0x180, "idt": 0x190, "tss": 0x1B8, "kernel_gs_base": 0x218}
    for name, value in registers.items():
        struct.pack_into("<Q", data, offsets[name], value)
    return _note(b"VBCORE", 0xB00, struct.pack("<6I", 0xC01AC0DE, 0x10005, 24, 0, 0, 1)) + _note(
        b"VBCPU", 0xB01, bytes(data)
    )


def arm64_note(x: Sequence[int], sp: int, pc: int, pstate: int) -> bytes:
    """NT_PRSTATUS as QEMU writes it for ARM64."""
    data = bytearray(392)
    struct.pack_into("<34Q", data, 112, *x, sp, pc, pstate)
    return _note(b"CORE", 1, bytes(data))


def elf_core(memory: Memory, notes: bytes = b"", bits: int = 64, machine: int = 62, *, extended: bool = False) -> bytes:
    """An ELF core; `extended`: the number of program headers stands in the first section header."""
    runs = runs_of(memory)
    ehdr, phdr, shdr = (64, 56, 64) if bits == 64 else (52, 32, 40)
    count = 1 + len(runs)
    behind = ehdr + phdr * count
    number, shoff = (0xFFFF, behind) if extended else (count, 0)
    section = bytearray(shdr if extended else 0)
    if extended:
        struct.pack_into("<I", section, 0x2C if bits == 64 else 0x1C, count)
    ident = b"\x7fELF" + bytes([bits // 32, 1, 1]) + bytes(9)
    shape = "<16sHHIQQQIHHHHHH" if bits == 64 else "<16sHHIIIIIHHHHHH"
    out = struct.pack(shape, ident, 4, machine, 1, 0, ehdr, shoff, 0, ehdr, phdr, number, shdr, int(extended), 0)
    position = behind + len(section)
    entries = [(4, position, 0, len(notes))]
    position += len(notes)
    for first, pages in runs:
        entries.append((1, position, first << 12, pages << 12))
        position += pages << 12
    for kind, offset, paddr, size in entries:
        if bits == 64:
            out += struct.pack("<IIQQQQQQ", kind, 0, offset, 0, paddr, size, size, 0)
        else:
            out += struct.pack("<IIIIIIII", kind, offset, 0, paddr, size, size, 0, 0)
    return out + bytes(section) + notes + _pages(memory)


def kdump(
    memory: Memory,
    frames: int,
    notes: bytes = b"",
    bits: int = 64,
    *,
    status: int = 1,
    pack: Callable[[bytes], bytes] = zlib.compress,
) -> bytes:
    """A kdump-compressed file, version 6; every third page is stored as it is, the others are packed.

    Pages of zeros share their bytes.
    """
    blocks = 1 + (len(notes) + 4095) // 4096
    one = (frames // 8 + 4096) // 4096
    head = bytearray(4096)
    head[0:8] = b"KDUMP   "
    struct.pack_into("<I", head, 8, 6)
    head[0x110:0x116] = b"x86_64"
    struct.pack_into("<6I", head, 0x1A8 if bits == 64 else 0x19C, status, 4096, blocks, 2 * one, frames, 0)
    sub = bytearray(blocks * 4096)
    struct.pack_into("<Q", sub, 0x30 if bits == 64 else 0x20, 4096 + 0x100)
    struct.pack_into("<I", sub, 0x38 if bits == 64 else 0x28, len(notes))
    struct.pack_into("<Q", sub, 0x60 if bits == 64 else 0x48, frames)
    sub[0x100 : 0x100 + len(notes)] = notes
    bitmap = _bits(memory, frames).ljust(one * 4096, b"\0")
    out = bytes(head) + bytes(sub) + bitmap * 2
    place = len(out) + 24 * len(memory)
    descriptors, data = b"", b""
    zeros = b""
    for index, number in enumerate(sorted(memory)):
        if zeros and not any(memory[number]):
            descriptors += zeros
            continue
        packed = memory[number] if index % 3 == 0 else pack(memory[number])
        descriptor = struct.pack("<QIIQ", place + len(data), len(packed), status if index % 3 else 0, 0)
        zeros = zeros if any(memory[number]) else descriptor
        descriptors += descriptor
        data += packed
    return out + descriptors + data


def flattened(data: bytes, piece: int = 5000) -> bytes:
    """The same as makedumpfile's flattened format; pieces come in an odd order, the first one twice."""
    starts = list(range(0, len(data), piece))
    out = b"makedumpfile".ljust(16, b"\0") + struct.pack(">qq", 1, 1)
    out = out.ljust(4096, b"\0") + struct.pack(">qq", 0, 9) + b"\xee" * 9
    for start in starts[1::2] + starts[::2]:
        part = data[start : start + piece]
        out += struct.pack(">qq", start, len(part)) + part
    return out + struct.pack(">qq", -1, -1)


def _tag(name: str, indices: Sequence[int], value: bytes) -> bytes:
    word = len(name) << 8 | len(indices) << 6 | len(value)
    return struct.pack("<H", word) + name.encode() + struct.pack(f"<{len(indices)}I", *indices) + value


def _block(name: str, indices: Sequence[int], value: bytes, packed: bool = False) -> bytes:
    word = len(name) << 8 | len(indices) << 6 | (62 if packed else 63)
    head = struct.pack("<H", word) + name.encode() + struct.pack(f"<{len(indices)}I", *indices)
    return head + struct.pack("<QQH", len(value), len(value), 6) + bytes(6) + value


def vmware_state(
    regions: Sequence[tuple[int, int, int]],
    cpus: Sequence[Mapping[str, int]],
    memory: bytes | None = None,
    *,
    blocks: bool = False,
    packed: bool = False,
) -> bytes:
    """A .vmss: regions as (page in memory, page in the file, pages), processors with registers and CRs."""
    inside = _tag("align_mask", (0,), struct.pack("<I", 0xFFFF)) + _tag(
        "regionsCount", (), struct.pack("<I", len(regions))
    )
    for index, region in enumerate(regions):
        for name, number in zip(("regionPPN", "regionPageNum", "regionSize"), region, strict=True):
            inside += _tag(name, (index,), struct.pack("<I", number))
    if memory is not None:
        inside += _block("Memory", (0, 0), memory, packed)
    cpu = _tag("cpu:numVCPUs", (), struct.pack("<I", len(cpus)))
    for index, told in enumerate(cpus):
        words = {name: struct.pack("<Q", value) for name, value in told.items()}
        control = [words.pop(f"cr{number}", bytes(8)) for number in range(5)]
        idt = words.pop("idt")
        if blocks:
            names = ("rax", "rcx", "rdx", "rbx", "rbp", "rsp", "rsi", "rdi", *_TO_R15[:-1])
            cpu += _block("gpregs", (index,), b"".join(words.pop(name, bytes(8)) for name in names))
            cpu += _block("CR64", (index,), b"".join(control) + bytes(32)) + _block("IDTR", (index,), b"\xff\x0f" + idt)
        else:
            cpu += b"".join(_tag("CR64", (index, number), value) for number, value in enumerate(control))
            cpu += _tag("IDTR", (index, 1), idt[:4]) + _tag("IDTR", (index, 2), idt[4:])
        cpu += b"".join(_tag("EFLAGS" if name == "efl" else name, (index,), value) for name, value in words.items())
    first, second = cpu + bytes(2), inside + bytes(2)
    at = 12 + 2 * 80
    groups = b"".join(
        name.ljust(64, b"\0") + struct.pack("<QQ", place, len(group))
        for name, place, group in ((b"cpu", at, first), (b"memory", at + len(first), second))
    )
    return struct.pack("<III", 0xBED2BED2, 8, 2) + groups + first + second
