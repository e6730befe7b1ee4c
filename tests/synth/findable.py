"""A whole machine with what a kernel is found by where no header names it, at literal offsets.

That is KUSER_SHARED_DATA, the processors' KPCRs, KiBugcheckData, and page tables that name themselves.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from tests.synth.big_machine import PAGE, BigMachine
from tests.synth.builder import DumpBuilder

__all__ = ["findable"]

_SHARED = {64: 0xFFFFF78000000000, 32: 0xFFDF0000}
_SELF = {64: 0x180 - 0x18, 32: 0x120 - 0x1C}
_NATIVE = {0x8664: 9, 0xAA64: 12}  # PROCESSOR_ARCHITECTURE_*
_TIME, _UPTIME = 133_563_846_122_857_196, 238_299_448_395


def findable(facts: DumpBuilder, spread: int = PAGE, base: int = 0) -> BigMachine:
    """The machine of a small dump.

    Args:
        spread: Bytes from one page of its memory to the next.
        base: Physical address where its memory begins.
    """
    process = replace(facts.process, directory_table_base=base + 0x200000)
    machine = BigMachine(replace(facts, process=process), spread=spread, first_data=base + 0x800000)
    facts, bits = machine.facts, machine.bits
    machine.write(machine.at["NtBuildLab"], _lab(facts))
    machine.pointers(machine.at["KiBugcheckData"], *(value % (1 << bits) for value in facts.bug_check))
    machine.write(_SHARED[bits], _shared_data(facts, bits))
    array = machine.at["KiProcessorBlock"]
    for number in range(facts.processors) if machine.mode != "ARM64" else ():
        prcb = int.from_bytes(machine.memory_at(array + number * machine.word, machine.word), "little")
        machine.pointers(prcb - _SELF[bits], prcb - (0x180 if bits == 64 else 0x120))
    machine.pointers(array + facts.processors * machine.word, 0)
    _name_itself(machine)
    return machine


def _shared_data(facts: DumpBuilder, bits: int) -> bytes:
    page = bytearray(PAGE)
    for offset, value in ((0x08, _UPTIME), (0x14, _TIME)):
        struct.pack_into("<III", page, offset, value & 0xFFFFFFFF, value >> 32, value >> 32)
    page[0x30:0x44] = "C:\\Windows".encode("utf-16-le")
    struct.pack_into("<III", page, 0x260, facts.windows.build if bits == 64 else 0, facts.product_type or 1, 1)
    if bits == 64:
        struct.pack_into("<H", page, 0x26A, _NATIVE[facts.windows.machine])
    struct.pack_into("<II", page, 0x26C, *((10, 0) if bits == 64 else (5, 1)))
    struct.pack_into("<I", page, 0x2D0, facts.suite_mask or 0x100)
    return bytes(page)


def _lab(facts: DumpBuilder) -> bytes:
    return (facts.windows.build_lab or f"{facts.windows.build}.xpsp_sp3_qfe").encode() + b"\0"


def _name_itself(machine: BigMachine) -> None:
    tables = machine.tables
    if machine.mode == "ARM64":
        tables.put(tables.root + 8 * 0x1ED, tables.root | 1 << 53 | 1 << 54 | 0x703)
    elif machine.mode == "X64":
        tables.put(tables.root + 8 * 0x1ED, tables.root | 0x63)
    elif machine.mode == "X86":
        tables.put(tables.root + 4 * 0x300, tables.root | 0x63)
    else:
        for quarter in range(4):
            tables.entry_address(quarter << 30, 2)
        directories = [tables.get(tables.root + 8 * quarter) & -PAGE for quarter in range(4)]
        for quarter, directory in enumerate(directories):
            tables.put(directories[3] + 8 * quarter, directory | 0x63)
