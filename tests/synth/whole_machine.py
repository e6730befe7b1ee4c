"""Whole machines of every Windows that was ever common, with all that a kernel is found by and an engine asks for.

`whole_machine(NAMES[0])` gives one: its facts (`.facts`), its memory, and it as every file that
memory comes in (`.files()`). Nothing here is shared with the readers: offsets are literal (format reference §2 to §6;
descriptors: Intel SDM vol. 3A, 3.4.5).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import NamedTuple

from tests import physical_files
from tests.synth import windows as builds
from tests.synth.bare import encoded_block
from tests.synth.big_machine import BigMachine
from tests.synth.builder import DumpBuilder
from tests.synth.parts import STYLE_D, Block, Process, Processor, Thread, UnloadedDriver
from tests.synth.stack import Stack
from tests.synth.stories.modules import WINDOWS_10, WINDOWS_XP, laid_out, names
from tests.synth.windows import Windows

__all__ = ["NAMES", "WholeMachine", "whole_machine"]

PAGE = 0x1000
_SHARED = {64: 0xFFFFF78000000000, 32: 0xFFDF0000}
_PCR_SELF = {0x14C: (0x120, 0x1C), 0x8664: (0x180, 0x18), 0xAA64: (0x980, 0x18)}  # KPCR to KPRCB, KPCR.Self
_TIME, _UPTIME = 133_563_846_122_857_196, 238_299_448_395
_SELF_MAP = 0x1ED
_LEAST_RAW = 16 << 20  # smaller files without a signature are not taken for memory
_FLAT = {0x08: 0x00CF9B000000FFFF, 0x10: 0x00CF93000000FFFF, 0x18: 0x00CFFB000000FFFF, 0x20: 0x00CFF3000000FFFF}
_LONG = {
    0x10: 0x00209B0000000000,
    0x18: 0x00CF93000000FFFF,
    0x20: 0x00CFFB000000FFFF,
    0x28: 0x00CFF3000000FFFF,
    0x30: 0x0020FB0000000000,
    0x50: 0x0040F30000003C00,
}
_KI_WAIT_NEVER = 0x5E0D_91C4_A2B7_3F16


class _Kind(NamedTuple):
    """What tells a machine from the others."""

    windows: Windows
    mode: str
    processors: int = 2
    crashed: int = 0
    encoded: int = 0


_KINDS: Mapping[str, _Kind] = {
    "XP x86": _Kind(builds.XP_SP3, "X86", 1),
    "XP PAE": _Kind(builds.XP_SP3, "PAE", 4, 3),
    "7 PAE": _Kind(builds.WIN7_X86, "PAE", 2, 1),
    "7 x64": _Kind(builds.WIN7_X64, "X64", 4, 2),
    "8.1 x64": _Kind(builds.WIN81_X64, "X64"),
    "8.1 x64 encoded": _Kind(builds.WIN81_X64, "X64", 2, 1, _KI_WAIT_NEVER),
    "10 PAE": _Kind(builds.WIN10_X86, "PAE"),
    "10 1809 x64": _Kind(builds.WIN10_1809, "X64", 3),
    "10 2004 x64": _Kind(builds.WIN10_2004, "X64", 72, 66),
    "10 2004 x64 encoded": _Kind(builds.WIN10_2004, "X64", 2, 0, _KI_WAIT_NEVER ^ 0x21),
    "10 2004 LA57": _Kind(builds.WIN10_2004, "LA57"),
    "11 x64": _Kind(builds.WIN11_22H2, "X64", 16, 15),
    "11 ARM64": _Kind(builds.WIN11_ARM64, "ARM64", 8, 5),
}
NAMES = list(_KINDS)


class WholeMachine(BigMachine):
    """A machine that a kernel can be found in without a header.

    Attributes:
        number: Of the processor that crashed.
    """

    def __init__(self, facts: DumpBuilder, mode: str, never: int = 0) -> None:
        super().__init__(facts, mode)
        self.number, self.machine = facts.processor.number, facts.windows.machine
        for number in range(facts.processors):
            self._pcr(number)
        self.pointers(self.at["KiProcessorBlock"] + facts.processors * self.word, 0)
        self.write(_SHARED[self.bits], self._shared())
        if never:
            self.write(facts.kdbg_at, encoded_block(self._kdbg(), never))
        self._name_itself()

    def prcb(self, number: int) -> int:
        """Address of a processor's KPRCB."""
        entry = self.at["KiProcessorBlock"] + number * self.word
        return int.from_bytes(self.memory_at(entry, self.word), "little")

    def _pcr(self, number: int) -> None:
        prcb, (below, self_at) = self.prcb(number), _PCR_SELF[self.machine]
        pcr = prcb - below
        self.pointers(pcr + self_at, pcr)
        if self.machine != 0xAA64:
            self.pointers(pcr + 0x20, prcb)
            self._descriptors(prcb, pcr)

    def _descriptors(self, prcb: int, pcr: int) -> None:
        gdt, idt = self.allocate(0x100), self.allocate(0x1000)
        special = prcb + self.facts.windows.offsets["pr_special"]
        table = dict(_LONG if self.bits == 64 else _FLAT)
        if self.bits == 32:
            table[0x30] = 0x00C0930000001FFF | (pcr & 0xFFFFFF) << 16 | pcr >> 24 << 56
        for selector, descriptor in table.items():
            self.write(gdt + selector, struct.pack("<Q", descriptor))
        self.write(idt, self._gate())
        places = ((0x56, 0x58), (0x66, 0x68)) if self.bits == 64 else ((0x2A, 0x2C), (0x32, 0x34))
        for (limit, base), size, where in zip(places, (0x57, 0xFFF), (gdt, idt), strict=True):
            self.write(special + limit, struct.pack("<H", size))
            self.pointers(special + base, where)

    def _gate(self) -> bytes:
        handler = self.facts.kernel.base + 0x1080
        if self.bits == 64:
            return struct.pack("<HHBBHII", handler & 0xFFFF, 0x10, 0, 0x8E, handler >> 16 & 0xFFFF, handler >> 32, 0)
        return struct.pack("<HHBBH", handler & 0xFFFF, 8, 0, 0x8E, handler >> 16)

    def _shared(self) -> bytes:
        facts, page = self.facts, bytearray(PAGE)
        build = facts.windows.build
        for offset, value in ((0x08, _UPTIME), (0x14, _TIME)):
            struct.pack_into("<III", page, offset, value & 0xFFFFFFFF, value >> 32, value >> 32)
        page[0x30:0x44] = "C:\\Windows".encode("utf-16-le")
        struct.pack_into("<III", page, 0x260, build if build >= 10240 else 0, facts.product_type or 1, 1)
        major = {2600: (5, 1), 7601: (6, 1), 9600: (6, 3)}.get(build, (10, 0))
        struct.pack_into("<II", page, 0x26C, *major)
        struct.pack_into("<I", page, 0x2D0, facts.suite_mask or 0x100)
        return bytes(page)

    def _kdbg(self) -> bytes:
        at, size = self.facts.kdbg_at, self.facts.windows.kdbg_size
        first = self.memory_at(at, min(size, PAGE - at % PAGE))
        return first + (self.memory_at(at + len(first), size - len(first)) if len(first) < size else b"")

    def _name_itself(self) -> None:
        tables = self.tables
        if self.mode in ("X64", "LA57"):
            tables.put(tables.root + 8 * _SELF_MAP, tables.root | 0x63)
        elif self.mode == "X86":
            tables.put(tables.root + 4 * 0x300, tables.root | 0x63)
        elif self.mode == "PAE":
            for quarter in range(4):
                tables.entry_address(quarter << 30, 2)
            directories = [tables.get(tables.root + 8 * quarter) & -PAGE for quarter in range(4)]
            for quarter, directory in enumerate(directories):
                tables.put(directories[3] + 8 * quarter, directory | 0x63)

    # --- files

    @property
    def frames(self) -> dict[int, bytes]:
        """Physical memory: page frame number -> page."""
        return {address // PAGE: bytes(page) for address, page in self.tables.memory.items()}

    def headed(self, kind: int) -> bytes:
        """A dump with a header: complete (1), kernel (2), bitmap (5, 6), or by memory runs (8, 9, 10)."""
        memory, size = self.frames, 0x2000 if self.bits == 64 else 0x1000
        last = (max(memory) + 8) & -8
        if kind == 1:
            return self.complete()
        if kind == 2:
            body = physical_files.summary_dump(memory, last, self.bits)
        elif kind in (5, 6):
            body = physical_files.bitmap_dump(memory, last, self.bits, kind)
        else:
            body = physical_files.rdmp_dump(memory, kind)
        head = self.header(kind)
        struct.pack_into("<Q", head, 0xFA0, len(body))  # RequiredDumpSpace
        return bytes(head) + body[size:]

    def note(self) -> bytes:
        """QEMU's notes: the processor that crashed where it stopped, the others in user mode."""
        told = self.facts.registers
        names = ("rip", "rsp", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", *(f"r{n}" for n in range(8, 16)))
        crashed = {name: told[name] for name in names if name in told}
        out = b""
        for number in range(self.facts.processors):
            own = crashed if number == self.number else {"rip": 0x7FF712345678, "rsp": 0x12340000}
            cr4 = 0x3506F8 | (self.mode == "LA57") << 12
            control = {"cr3": self.tables.root, "cr4": cr4, "efl": 0x246}
            base = "gs_base" if number == self.number else "kernel_gs_base"
            out += physical_files.qemu_note(own | control | {base: self.prcb(number) - 0x180})
        return out

    def raw(self) -> bytes:
        """A raw image: what is not there is zero."""
        memory = self.frames
        last = max(*memory, _LEAST_RAW // PAGE - 1)
        return b"".join(memory.get(number, bytes(PAGE)) for number in range(last + 1))

    def files(self) -> dict[str, Callable[[], bytes]]:
        """It as every file that can hold it, by name."""
        headed = (1, 2, 5, 6, 8, 9, 10) if self.bits == 64 else (1, 2, 5, 6)
        out: dict[str, Callable[[], bytes]] = {f"type {kind}": partial(self.headed, kind) for kind in headed}
        if self.machine == 0x8664:
            last = (max(self.frames) + 8) & -8
            out["ELF"] = lambda: physical_files.elf_core(self.frames, self.note())
            out["kdump"] = lambda: physical_files.kdump(self.frames, last, self.note())
        if self.machine != 0xAA64:
            out["raw"] = self.raw
            out["LiME"] = lambda: physical_files.lime_image(self.frames)
        return out


@cache
def whole_machine(name: str) -> WholeMachine:
    """A machine by its name in `NAMES`; the same one each time."""
    kind = _KINDS[name]
    return WholeMachine(_facts(kind), kind.mode, kind.encoded)


def _facts(kind: _Kind) -> DumpBuilder:
    bits, machine = kind.windows.bits, kind.windows.machine
    kernel = 0xFFFFF80312A00000 if bits == 64 else 0x804D7000
    first = 0xFFFFF80320000000 if bits == 64 else 0xF7400000 if kind.windows.build == 2600 else 0x8BA00000
    listed = names(WINDOWS_10) if bits == 64 else names(WINDOWS_XP)
    drivers = laid_out(listed, kernel, first, step=PAGE, build=kind.windows.build)
    pool = 0xFFFFA48F2B000000 if bits == 64 else 0x86300000
    fault = drivers[5].at(0x1234)
    bug_check = (0xD1, pool + 0x28, 2, 0, fault)
    stack = _stack(pool + 0x7B000, bits, bug_check, [driver.at(0x1560) for driver in drivers[5:0:-1]])
    context = pool + 0x51000 if "pr_context" in kind.windows.offsets else 0
    process = Process(pool + 0x20000, "System", 4, create_time=_TIME - _UPTIME, directory_table_base=0x200000)
    return DumpBuilder(
        windows=kind.windows,
        style=STYLE_D,
        bug_check=bug_check,
        registers=_registers(machine, kernel + 0x22F10, stack.low, bug_check),
        drivers=drivers,
        stack=stack,
        processor=Processor(pool + 0x90180, number=kind.crashed, context_address=context),
        process=process,
        thread=Thread(
            pool + 0x30080, stack_base=pool + 0x7C000, stack_limit=pool + 0x76000, kernel_stack=stack.low, start=fault
        ),
        unloaded=[UnloadedDriver("gone.sys", first - 0x40000, first - 0x38000)],
        variables={"KiProcessorBlock": kernel + 0xC0B000},  # with room for many
        blocks=[Block(drivers[5].at(0x1230), b"\x90" * 0x40)],
        standard_blocks=True,
        processors=kind.processors,
        pae=kind.mode == "PAE",
        system_time=_TIME,
        uptime=_UPTIME,
        suite_mask=0x110,
    )


def _stack(low: int, bits: int, bug_check: tuple[int, ...], returns: list[int]) -> Stack:
    stack = Stack(low, bits // 8, seed="whole machine")
    stack.return_to(returns[0], "the caller of KeBugCheckEx")
    stack.words(*bug_check)
    for number, address in enumerate(returns[1:]):
        stack.words(*range(1, 6 + number))
        stack.return_to(address, f"frame {number}")
    stack.up_to(low + PAGE)
    return stack


def _registers(machine: int, pc: int, sp: int, bug_check: tuple[int, ...]) -> dict[str, int]:
    if machine == 0x14C:
        return {"eip": pc, "esp": sp, "ebp": sp + 0x40, "eax": 0x11, "ebx": 0x22, "esi": 0x33, "edi": 0x44}
    names = ("rcx", "rdx", "r8", "r9") if machine == 0x8664 else ("x0", "x1", "x2", "x3", "x4")
    told = dict(zip(names, bug_check, strict=False))
    where = {"rip": pc, "rsp": sp} if machine == 0x8664 else {"pc": pc, "sp": sp, "lr": bug_check[4], "fp": sp + 0x40}
    return told | where
