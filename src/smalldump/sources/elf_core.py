"""Physical memory out of an ELF core of a whole machine: QEMU's dump-guest-memory, libvirt, VirtualBox."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.errors import FormatError, Truncated, UnsupportedFormat
from smalldump.layout.elf import (
    ElfHeader32,
    ElfHeader64,
    ProgramHeader32,
    ProgramHeader64,
    SectionHeader32,
    SectionHeader64,
)
from smalldump.memory import FileSpace, Run, RunSpace
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.sources.elf_notes import cpu_states, machine_told
from smalldump.sources.physical_memory import PhysicalMemory

__all__ = ["open_elf"]

_CORE, _LOAD, _NOTE = 4, 1, 4
_MANY = 0xFFFF
_MOST_SEGMENTS = 1 << 18
_MOST_NOTES = 16 << 20
_MOST_BYTES = 1 << 52
_MACHINES = {3: X86, 62: X64, 183: ARM64}

_Header = ElfHeader32 | ElfHeader64
_Segment = tuple[int, int, int, int]  # type, offset, paddr, filesz


def open_elf(file: FileSpace) -> PhysicalMemory:
    """The physical memory and the processors of an ELF core.

    Segments that cannot be true are left out, and said.

    Raises:
        UnsupportedFormat: No little-endian core of a machine that runs Windows, or a core of a mere process.
        FormatError: It has no memory.
    """
    header = _header(file)
    troubles: list[FormatError] = []
    notes: list[bytes] = []
    runs: list[Run] = []
    room = _MOST_NOTES
    for kind, offset, paddr, size in _segments(file, header, troubles):
        if kind == _NOTE and room > 0:
            notes.append(file.read_some(offset, min(size, room)))
            room -= size
        elif kind == _LOAD and paddr + size > _MOST_BYTES:
            troubles.append(_beyond(offset, paddr, size))
        elif kind == _LOAD and size:
            runs.append(Run(paddr, paddr + size, offset))
    named: Machine = _MACHINES[header.machine]
    machine = machine_told(notes, X86) if named is X86 else named
    cpus = tuple(cpu_states(named, notes))
    if not cpus and len(runs) > 1 and not any(run.start for run in runs):
        raise UnsupportedFormat("an ELF core of a process, not of a machine: all its memory is at physical address 0")
    space = RunSpace(file, runs, file.size)
    if next(space.ranges(), None) is None:
        raise troubles[0] if troubles else FormatError("the ELF core holds no memory")
    if any(run.offset + run.end - run.start > file.size for run in runs):
        troubles.append(Truncated("the file ends before its last segment", found=f"{file.size:#x} bytes"))
    return PhysicalMemory("ELF core", space, machine, cpus=cpus, troubles=tuple(troubles))


def _header(file: FileSpace) -> _Header:
    start = file.read_some(0, ElfHeader64.SIZE)
    header: _Header = ElfHeader32(start)
    if header.file_class == 2:
        header = ElfHeader64(start)
    if header.file_class not in (1, 2) or header.encoding != 1 or header.type != _CORE:
        raise UnsupportedFormat("not a little-endian ELF core", offset=4, found=start[4:18].hex(" "))
    if header.machine not in _MACHINES:
        raise UnsupportedFormat(
            "an ELF core of another machine", offset=0x12, expected="x86, x64 or ARM64", found=str(header.machine)
        )
    return header


def _segments(file: FileSpace, header: _Header, troubles: list[FormatError]) -> Iterator[_Segment]:
    kind = ProgramHeader64 if isinstance(header, ElfHeader64) else ProgramHeader32
    count = _count(file, header)
    if count > _MOST_SEGMENTS or header.phentsize != kind.SIZE:
        raise FormatError(
            "program headers make no sense",
            offset=header.phoff,
            expected=f"at most {_MOST_SEGMENTS:,} of {kind.SIZE} bytes",
            found=f"{count:,} of {header.phentsize} bytes",
        )
    data = file.read_some(header.phoff, count * kind.SIZE)
    if len(data) < count * kind.SIZE:
        troubles.append(
            Truncated(
                "program headers are cut",
                offset=header.phoff,
                expected=f"{count * kind.SIZE:#x}",
                found=f"{len(data):#x}",
            )
        )
        data = data[: len(data) - len(data) % kind.SIZE]
    return kind.unpacker("type", "offset", "paddr", "filesz").iter_unpack(data)


def _count(file: FileSpace, header: _Header) -> int:
    if header.phnum != _MANY:
        return header.phnum
    kind = SectionHeader64 if isinstance(header, ElfHeader64) else SectionHeader32
    return kind(file.read_some(header.shoff, kind.SIZE)).info


def _beyond(offset: int, paddr: int, size: int) -> FormatError:
    return FormatError(
        "a segment lies beyond physical memory",
        offset=offset,
        expected="addresses below 2^52",
        found=f"{size:#x} bytes from {paddr:#x} on",
    )
