"""The memory of a Windows that is about to stop: the demo's machine, with what its kernel is found by."""

from __future__ import annotations

import struct
from dataclasses import replace

from tests.images.portable import Part, exports, portable
from tests.synth.bare import encoded_block
from tests.synth.big_machine import BigMachine
from tests.synth.stories import demo

__all__ = ["IDT", "TIME", "kpcr", "windows_memory"]

SHARED, IDT = 0xFFFFF78000000000, 0xFFFFA30E00001000
TIME, UPTIME = 133_563_846_122_857_196, 238_299_448_395
_ROOT = 0x200000
_NEVER = 0x1D5E_2A7B_90C3_4F62
_KDBG_SIZE = 0x380


def windows_memory(processors: int, *, hidden: bool = False, stopped: bool = True) -> BigMachine:
    """The machine.

    Args:
        processors: How many it has; the first one stopped it.
        hidden: Whether its debugger data block is encoded.
        stopped: Whether it has a bug check, and registers that were frozen for it.
    """
    facts = demo.builder()
    machine = BigMachine(
        replace(
            facts,
            processors=processors,
            processor=replace(facts.processor, number=0),
            process=replace(facts.process, directory_table_base=_ROOT),
        )
    )
    for part in (_shared_page, _kernel_image, _processors, _handlers, _names_itself):
        part(machine)
    code, *parameters = machine.facts.bug_check
    machine.pointers(machine.at["KiBugcheckData"], *([code, *parameters] if stopped else [0] * 5))
    machine.pointers(machine.at["MmPfnDatabase"], 0xFFFFE10000000000)
    machine.write(machine.at["NtBuildLab"], b"19041.1.amd64fre.vb_release.191206-1406\0")
    if not stopped:
        _nothing_frozen(machine)
    if hidden:
        address = machine.facts.kdbg_at
        block = b"".join(machine.memory_at(address + at, 8) for at in range(0, _KDBG_SIZE, 8))
        machine.write(address, encoded_block(block, _NEVER))
    return machine


def _shared_page(machine: BigMachine) -> None:
    page = bytearray(0x1000)
    for offset, value in ((0x08, UPTIME), (0x14, TIME)):
        struct.pack_into("<III", page, offset, value & 0xFFFFFFFF, value >> 32, value >> 32)
    page[0x30:0x44] = "C:\\Windows".encode("utf-16-le")
    struct.pack_into("<IIIII", page, 0x260, 19041, 1, 1, 10, 0)
    struct.pack_into("<I", page, 0x2D0, 0x100)
    machine.write(SHARED, bytes(page))


def _kernel_image(machine: BigMachine) -> None:
    table = exports(0x2000, {"KeBugCheckEx": 0x1000})
    table = table[:12] + struct.pack("<I", 0x2000 + len(table)) + table[16:] + b"ntoskrnl.exe\0"
    kernel = machine.facts.kernel
    parts = [
        Part(".text", 0x1000, b"", 0x1000),
        Part(".rdata", 0x2000, table),
        Part(".data", 0x3000, b"", kernel.size - 0x3000),
    ]
    image = portable(parts, {0: (0x2000, len(table))}, timestamp=kernel.timestamp)
    machine.write(kernel.base, image[:0x400])
    machine.write(kernel.base + 0x2000, table)


def kpcr(machine: BigMachine, number: int) -> int:
    """Address of a processor's KPCR."""
    entry = machine.memory_at(machine.at["KiProcessorBlock"] + 8 * number, 8)
    return int.from_bytes(entry, "little") - 0x180


def _processors(machine: BigMachine) -> None:
    for number in range(machine.facts.processors):
        own = kpcr(machine, number)
        machine.pointers(own + 0x18, own, own + 0x180)
        machine.pointers(own + 0x38, IDT)
    machine.pointers(machine.at["KiProcessorBlock"] + 8 * machine.facts.processors, 0)


def _handlers(machine: BigMachine) -> None:
    handler = machine.facts.kernel.base + 0x1080
    low, middle, high = handler & 0xFFFF, handler >> 16 & 0xFFFF, handler >> 32
    machine.write(IDT, struct.pack("<HHBBHII", low, 0x10, 0, 0x8E, middle, high, 0))


def _names_itself(machine: BigMachine) -> None:
    tables = machine.tables
    tables.put(tables.root + 8 * 0x1ED, tables.root | 0x63)


def _nothing_frozen(machine: BigMachine) -> None:
    for number in range(machine.facts.processors):
        place = kpcr(machine, number) + 0x180 + machine.facts.windows.offsets["pr_context"]
        machine.write(int.from_bytes(machine.memory_at(place, 8), "little"), bytes(0x4D0))
