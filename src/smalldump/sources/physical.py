"""Which container of physical memory a file is: an ordered table of signatures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from smalldump.errors import NotADump, SmallDumpError
from smalldump.escape import shown_bytes
from smalldump.layout.dump import SIGNATURE_32, SIGNATURE_64
from smalldump.layout.elf import ELF_SIGNATURE
from smalldump.layout.kdump import FLAT_SIGNATURE, KDUMP_SIGNATURE
from smalldump.layout.lime import LIME_SIGNATURE
from smalldump.layout.vmware import VMWARE_SIGNATURES
from smalldump.memory import PAGE, FileSpace, MappedFile, Run, RunSpace, opened_file
from smalldump.sources.dump_pages import open_dump
from smalldump.sources.elf_core import open_elf
from smalldump.sources.kdump import open_flat, open_kdump
from smalldump.sources.lime_image import open_lime
from smalldump.sources.physical_memory import PhysicalMemory
from smalldump.sources.vmware import MEMORY_SUFFIX, open_memory, open_state

__all__ = ["CONTAINERS", "open_physical"]

CONTAINERS: tuple[tuple[bytes, Callable[[FileSpace], PhysicalMemory]], ...] = (
    (SIGNATURE_64, open_dump),
    (SIGNATURE_32, open_dump),
    (ELF_SIGNATURE, open_elf),
    (LIME_SIGNATURE, open_lime),
    (KDUMP_SIGNATURE, open_kdump),
    (FLAT_SIGNATURE, open_flat),
)
"""First bytes and who reads such files."""

_SMALLEST_RAW = 1 << 20


def open_physical(source: Path | memoryview | bytes, *, beside: Path | None = None) -> PhysicalMemory:
    """The physical memory in a file, by its signature; a file of whole pages without one is a raw image.

    Nothing of the memory is read: opening takes as long for 64 GB as for 1 GB.

    Args:
        source: A file, which is then read piece by piece; or its bytes, perhaps mapped.
        beside: Where the bytes come from: VMware's memory lies in two files, side by side.

    Raises:
        FormatError: It is no container of physical memory, or one that yields no memory.
        SourceUnreadable: The file cannot be read.
    """
    if not isinstance(source, Path):
        return _recognised(MappedFile(source), beside)
    file = opened_file(source)
    try:
        found = _recognised(file, source)
    except SmallDumpError:
        file.close()
        raise
    return found._replace(release=_both(file.close, found.release))


def _both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    def release() -> None:
        first()
        second()

    return release


def _recognised(file: FileSpace, path: Path | None) -> PhysicalMemory:
    start = file.read_some(0, 16)
    for signature, opener in CONTAINERS:
        if start.startswith(signature):
            return opener(file)
    if start.startswith(VMWARE_SIGNATURES):
        return open_state(file, path)
    if path is not None and path.suffix.lower() == MEMORY_SUFFIX:
        return open_memory(file, path)
    return _raw(file, start)


def _raw(file: FileSpace, start: bytes) -> PhysicalMemory:
    if file.size < _SMALLEST_RAW or file.size % PAGE:
        raise NotADump(
            "no container of physical memory",
            offset=0,
            expected="PAGEDU64, PAGEDUMP, ELF, EMiL, KDUMP, or 1 MiB and more in whole pages",
            found=f"{shown_bytes(start[:8])}, {file.size:#x} bytes",
        )
    return PhysicalMemory("raw memory image", RunSpace(file, [Run(0, file.size, 0)], file.size))
