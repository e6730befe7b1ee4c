"""Machines whose memory holds their images: what a big dump gives, made of recorded images and their true stacks."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from smalldump.memory import Overlay, Segment
from smalldump.model import Snapshot
from smalldump.sources.builder import SnapshotBuilder, driver
from tests.images.portable import Part, portable
from tests.truth.grafting import Graft, graft
from tests.truth.images.cases import BuiltImage, Stack, load, mapped
from tests.truth.oracle_cases import Case, CaseFile, OracleFrame

__all__ = [
    "DRIVER",
    "STACK",
    "TEXT_GUID",
    "calling_machine",
    "chain",
    "driver_image",
    "grafted",
    "stopped",
    "with_memory",
]

DRIVER = 0xFFFFF80008000000
STACK = 0xFFFFF80004000000
GUID, TEXT_GUID = bytes.fromhex("9e1d4a0f5b7c0e4f9a8b112233445566"), "0F4A1D9E7C5B4F0E9A8B112233445566"
_POINTERS = {"arm64": ("pc", "sp"), "x64": ("rip", "rsp"), "x86": ("eip", "esp")}


def stopped(name: str, most: int = 1000) -> Iterator[Graft]:
    """A recorded image (`x64-omit`) in a kernel, at each of its moments: stopped there, and all of it in memory."""
    image = load(name)
    return (grafted(name, image, stack) for stack in image.stacks[:most])


def grafted(name: str, image: BuiltImage, stack: Stack) -> Graft:
    """The machine at one moment."""
    pc, sp = _POINTERS[image.arch]
    frames = tuple(OracleFrame(frame.ret, frame.sp, frame.saved) for frame in stack.frames)
    case = Case(stack.registers[pc], stack.registers[sp], stack.registers, stack.at, stack.data, frames)
    place = image.base, len(image.mapped)
    file = CaseFile(name, image.arch, f"{name}.sys", "", *place, image.sentinel, (case,))
    vars(file)["data"] = image.data  # which is fetched where it is not there
    found = graft(file, case)
    with_memory(found.machine, {found.module.base: image.mapped})
    return found


def with_memory(machine: Snapshot, memory: dict[int, bytes]) -> None:
    """Let a machine's memory hold more."""
    held = machine.memory
    assert isinstance(held, Overlay)
    more = [Segment(address, memoryview(data), "image") for address, data in memory.items()]
    machine.memory = Overlay([*(segment for _, _, segment in held.pieces()), *more])


def driver_image(functions: int) -> bytes:
    """An x64 driver of so many functions of 16 bytes, all of which allocate 0x28 bytes, as it lies in memory."""
    path = rb"c:\build\wobble.pdb" + b"\0"
    text = b"\x48\x83\xec\x28\xe8\0\0\0\0\x48\x83\xc4\x28\xc3\xcc\xcc" * functions
    xdata = 0x1000 + (len(text) | 0xFFF) + 1
    unwind = b"\x01\x04\x01\x00\x04\x42\0\0"
    debug = struct.pack("<IIHHIIII", 0, 0, 0, 0, 2, 24 + len(path), xdata + 0x30, 0)
    record = b"RSDS" + GUID + struct.pack("<I", 7) + path
    pdata = xdata + 0x1000
    entries = (struct.pack("<III", 0x1000 + 16 * n, 0x1000 + 16 * n + 14, xdata) for n in range(functions))
    table = b"".join(entries)
    parts = [
        Part(".text", 0x1000, text),
        Part(".rdata", xdata, unwind.ljust(0x10, b"\0") + debug.ljust(0x20, b"\0") + record),
        Part(".pdata", pdata, table),
    ]
    return mapped(portable(parts, {3: (pdata, len(table)), 6: (xdata + 0x10, 28)}))


def chain(calls: Iterable[int]) -> tuple[int, bytes]:
    """Where the innermost of such functions goes on, and a stack on which each was called by the next."""
    first, *others = (DRIVER + 0x1000 + 16 * number + 9 for number in calls)
    return first, b"".join(struct.pack("<5QQ", 0, 0, 0, 0, 0, address) for address in others) + bytes(0x100)


def calling_machine(functions: int, calls: Iterable[int]) -> Snapshot:
    """A machine whose stack is a chain of such functions, and whose memory holds the driver."""
    image = driver_image(functions)
    first, stack = chain(calls)
    machine = SnapshotBuilder(
        modules=[
            driver(r"\SystemRoot\system32\ntoskrnl.exe", 0xFFFFF80000400000, 0x100000, 0x5A5A5A5A, 0),
            driver("wobble.sys", DRIVER, len(image), 0x5F3759DF, 0xC0FFEE),
        ],
        registers={"rip": first, "rsp": STACK},
        processors=2,
        stack=(STACK, stack),
    ).build()
    with_memory(machine, {DRIVER: image})
    return machine
