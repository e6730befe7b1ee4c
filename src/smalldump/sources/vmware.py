"""Physical memory out of VMware's files: a .vmem, and the .vmss or .vmsn beside it that tells of holes and processors.

Registers are told in 64 bits for 32-bit machines, too; which it is shows the address of the interrupt descriptor table.
Segments and the bases of FS and GS are not read: no public source describes them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from smalldump.errors import FormatError, SmallDumpError, Truncated, UnsupportedFormat
from smalldump.escape import escape
from smalldump.layout.vmware import VmwareBlock, VmwareGroup, VmwareHeader
from smalldump.memory import PAGE, FileSpace, OpenedFile, Run, RunSpace, opened_file
from smalldump.model.absent import Absent
from smalldump.model.machine import X64, X86, Machine
from smalldump.model.records import Registers
from smalldump.sources.physical_memory import CpuState, PhysicalMemory

__all__ = ["MEMORY_SUFFIX", "open_memory", "open_state"]

MEMORY_SUFFIX = ".vmem"
_STATE_SUFFIXES = (".vmss", ".vmsn")

_BLOCK, _PACKED_BLOCK = 63, 62
_MOST_GROUPS = 1024
_MOST_TAGS = 1 << 16
_MOST_VALUE = 256
_MOST_REGIONS = 1024
_MOST_CPUS = 4096
_GPREGS = "rax rcx rdx rbx rbp rsp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15"
_X64 = "rax rbx rcx rdx rsi rdi rip rsp rbp r8 r9 r10 r11 r12 r13 r14 r15"


class _Value(NamedTuple):
    """A value of a group; of a block `data` is its beginning."""

    name: str
    indices: tuple[int, ...]
    data: bytes
    offset: int
    size: int
    packed: bool = False

    @property
    def number(self) -> int:
        return int.from_bytes(self.data[:8], "little")


def open_state(state: FileSpace, path: Path | None) -> PhysicalMemory:
    """The physical memory and the processors of a suspended machine or a snapshot.

    Args:
        state: The .vmss or .vmsn.
        path: Where it lies: memory is in the .vmem beside it, if there is one, else within `state`.

    Raises:
        UnsupportedFormat: Memory is compressed, or lies in a file that is not there.
        FormatError: The groups cannot be true, or there is no memory.
    """
    memory = None if path is None else _beside(path, (MEMORY_SUFFIX,))
    return _with_second(memory, lambda: _both(state, memory), "memory out of")


def open_memory(memory: FileSpace, path: Path) -> PhysicalMemory:
    """The same, by the .vmem; without the other file beside it memory counts as without holes, which is said.

    Raises:
        FormatError: As `open_state`.
    """
    state = _beside(path, _STATE_SUFFIXES)
    if state is not None:
        return _with_second(state, lambda: _both(state, memory), "state out of")
    lost = FormatError("no .vmss or .vmsn beside the .vmem: memory above 3 GB lies elsewhere, processors are unknown")
    return PhysicalMemory("VMware memory", RunSpace(memory, [Run(0, memory.size, 0)], memory.size), troubles=(lost,))


def _beside(path: Path, suffixes: tuple[str, ...]) -> OpenedFile | None:
    loud = path.suffix.isupper()
    there = (path.with_suffix(suffix.upper() if loud else suffix) for suffix in suffixes)
    return next((opened_file(other) for other in there if os.path.isfile(other)), None)


def _with_second(second: OpenedFile | None, read: Callable[[], PhysicalMemory], role: str) -> PhysicalMemory:
    if second is None:
        return read()
    try:
        found = read()
        return found._replace(kind=f"{found.kind}, {role} {escape(Path(second.name).name)}", release=second.close)
    except SmallDumpError:
        second.close()
        raise


def _both(state: FileSpace, memory: FileSpace | None) -> PhysicalMemory:
    groups = _groups(state)
    values = list(_values(state, groups["memory"])) if "memory" in groups else []
    inside = next((value for value in values if value.name == "Memory"), None)
    if memory is None and inside is not None and inside.packed:
        raise UnsupportedFormat("memory is compressed within the .vmss or .vmsn", offset=inside.offset)
    if memory is not None:
        space = RunSpace(memory, _runs(values, 0, memory.size), memory.size)
    elif inside is None:
        raise UnsupportedFormat("memory is in a file of its own: the .vmem must lie beside the .vmss or .vmsn")
    else:
        space = RunSpace(state, _runs(values, inside.offset, inside.size), state.size)
    if next(space.ranges(), None) is None:
        raise Truncated("no memory of the machine is in the file", found=f"{(memory or state).size:#x} bytes")
    cpus = tuple(_cpus(list(_values(state, groups["cpu"])))) if "cpu" in groups else ()
    machine = cpus[0].registers.machine if cpus else Absent.NOT_CAPTURED
    return PhysicalMemory("VMware memory", space, machine, cpus=cpus, stored=(memory or state).size)


def _groups(file: FileSpace) -> dict[str, int]:
    header = VmwareHeader(file.read_some(0, VmwareHeader.SIZE))
    if header.groups > _MOST_GROUPS:
        raise FormatError("too many groups", offset=8, expected=f"at most {_MOST_GROUPS:,}", found=f"{header.groups:,}")
    data = file.read_some(VmwareHeader.SIZE, header.groups * VmwareGroup.SIZE)
    groups = (VmwareGroup(data, offset) for offset in range(0, len(data) - VmwareGroup.SIZE + 1, VmwareGroup.SIZE))
    return {group.name.partition(b"\0")[0].decode("latin-1"): group.position for group in groups}


def _values(file: FileSpace, position: int) -> Iterator[_Value]:
    for _ in range(_MOST_TAGS):
        head = file.read_some(position, 2)
        tag = int.from_bytes(head, "little")
        if len(head) < 2 or not tag:
            return
        length, indices, size = tag >> 8, tag >> 6 & 3, tag & 0x3F
        words = file.read_some(position + 2, length + 4 * indices)
        position += 2 + len(words)
        name = words[:length].decode("latin-1")
        numbers = tuple(int.from_bytes(words[at : at + 4], "little") for at in range(length, len(words), 4))
        packed = size == _PACKED_BLOCK
        if size in (_BLOCK, _PACKED_BLOCK):
            head = file.read_some(position, VmwareBlock.SIZE)
            if len(head) < VmwareBlock.SIZE:
                return
            block = VmwareBlock(head)
            position += VmwareBlock.SIZE + block.padding
            size = block.size
        yield _Value(name, numbers, file.read_some(position, min(size, _MOST_VALUE)), position, size, packed)
        position += size


def _runs(values: list[_Value], start: int, size: int) -> list[Run]:
    """Regions of pages: where they lie in memory and in the file; without any, memory has no holes."""
    regions = {
        name: {value.indices[0]: value.number for value in values if value.name == name and value.indices}
        for name in ("regionPPN", "regionPageNum", "regionSize")
    }
    count = next((value.number for value in values if value.name == "regionsCount"), 0)
    runs = []
    for index in range(min(count, _MOST_REGIONS)):
        page, place, pages = (numbers.get(index, 0) for numbers in regions.values())
        if max(page, place, pages) < 1 << 40 and place * PAGE + pages * PAGE <= size:
            runs.append(Run(page * PAGE, (page + pages) * PAGE, start + place * PAGE))
    return runs or [Run(0, size, start)]


def _cpus(values: list[_Value]) -> Iterator[CpuState]:
    told: dict[int, dict[str, int]] = {}
    for value in values:
        if value.indices and value.indices[0] < _MOST_CPUS:
            told.setdefault(value.indices[0], {}).update(_facts(value))
    for number, facts in sorted(told.items()):
        if "rip" in facts:
            yield _cpu(number, facts)


def _facts(value: _Value) -> dict[str, int]:
    if value.name == "IDTR" and len(value.indices) == 1:
        return {"idt": int.from_bytes(value.data[2:10], "little")}
    if value.name == "IDTR":
        return {f"idt{value.indices[1]}": value.number}
    if value.name == "CR64" and len(value.indices) == 1:
        return {f"cr{at // 8}": int.from_bytes(value.data[at : at + 8], "little") for at in range(0, 40, 8)}
    if value.name == "CR64":
        return {f"cr{value.indices[1]}": value.number}
    if value.name.lower() == "eflags":
        return {"efl": value.number & 0xFFFFFFFF}
    if value.name == "gpregs" and value.size == 128:
        words = (int.from_bytes(value.data[at : at + 8], "little") for at in range(0, 128, 8))
        return dict(zip(_GPREGS.split(), words, strict=True))
    return {value.name: value.number} if value.name in _X64.split() else {}


def _cpu(number: int, facts: dict[str, int]) -> CpuState:
    idt = facts.get("idt", facts.get("idt1", 0) & 0xFFFFFFFF | facts.get("idt2", 0) << 32)
    machine: Machine = X64 if idt >> 32 else X86
    values = {name: facts[name] for name in [*_X64.split(), "efl"] if name in facts}
    if machine is X86:
        values = {name.replace("r", "e", 1): value & X86.mask for name, value in values.items() if name[1:].isalpha()}
    control = {name: facts.get(name, Absent.NOT_CAPTURED) for name in ("cr0", "cr2", "cr3", "cr4")}
    return CpuState(number, Registers(machine, values, "VMware's state"), **control, idt=idt or Absent.NOT_CAPTURED)
