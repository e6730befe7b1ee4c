"""Which container of physical memory a file is: an ordered table of signatures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from smalldump.errors import NotADump, SmallDumpError, SourceUnreadable
from smalldump.escape import shown_bytes
from smalldump.layout.dump import SIGNATURE_32, SIGNATURE_64
from smalldump.layout.elf import ELF_SIGNATURE
from smalldump.layout.lime import LIME_SIGNATURE
from smalldump.memory import PAGE, FileSpace, MappedFile, OpenedFile, Run, RunSpace
from smalldump.sources.dump_pages import open_dump
from smalldump.sources.elf_core import open_elf
from smalldump.sources.lime_image import open_lime
from smalldump.sources.physical_memory import PhysicalMemory

__all__ = ["CONTAINERS", "open_physical"]

CONTAINERS: tuple[tuple[bytes, Callable[[FileSpace], PhysicalMemory]], ...] = (
    (SIGNATURE_64, open_dump),
    (SIGNATURE_32, open_dump),
    (ELF_SIGNATURE, open_elf),
    (LIME_SIGNATURE, open_lime),
)
"""First bytes and who reads such files."""

_SMALLEST_RAW = 1 << 20


def open_physical(source: Path | memoryview | bytes) -> PhysicalMemory:
    """The physical memory in a file, by its signature; a file of whole pages without one is a raw image.

    Nothing of the memory is read: opening takes as long for 64 GB as for 1 GB.

    Args:
        source: A file, which is then read piece by piece; or its bytes, perhaps mapped.

    Raises:
        FormatError: It is no container of physical memory, or one that yields no memory.
        SourceUnreadable: The file cannot be read.
    """
    if not isinstance(source, Path):
        return _recognised(MappedFile(source))
    file = _opened(source)
    try:
        return _recognised(file)._replace(release=file.close)
    except SmallDumpError:
        file.close()
        raise


def _opened(path: Path) -> OpenedFile:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as error:
        raise SourceUnreadable(str(path), getattr(error, "strerror", None) or str(error)) from error
    size = os.lseek(descriptor, 0, os.SEEK_END)
    return OpenedFile(descriptor, size, str(path))


def _recognised(file: FileSpace) -> PhysicalMemory:
    start = file.read_some(0, 8)
    for signature, opener in CONTAINERS:
        if start.startswith(signature):
            return opener(file)
    return _raw(file, start)


def _raw(file: FileSpace, start: bytes) -> PhysicalMemory:
    if file.size < _SMALLEST_RAW or file.size % PAGE:
        raise NotADump(
            "no container of physical memory",
            offset=0,
            expected="PAGEDU64, PAGEDUMP, ELF, EMiL, or 1 MiB and more in whole pages",
            found=f"{shown_bytes(start)}, {file.size:#x} bytes",
        )
    return PhysicalMemory("raw memory image", RunSpace(file, [Run(0, file.size, 0)], file.size))
