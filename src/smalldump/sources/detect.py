"""Which source reads a file: an ordered table of signatures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from smalldump.errors import FormatError
from smalldump.layout.dump import SIGNATURE_32, SIGNATURE_64, DumpHeader32, DumpHeader64, DumpType
from smalldump.layout.elf import ELF_SIGNATURE
from smalldump.layout.kdump import FLAT_SIGNATURE, KDUMP_SIGNATURE
from smalldump.layout.lime import LIME_SIGNATURE
from smalldump.layout.vmware import VMWARE_SIGNATURES
from smalldump.model import Snapshot
from smalldump.sources.small import SmallDump

__all__ = ["SOURCES", "open_snapshot"]

Opener = Callable[[memoryview, str, Callable[[], None], Path | None], Snapshot]


def _kernel_dump(data: memoryview, name: str, release: Callable[[], None], _: Path | None) -> Snapshot:
    header = DumpHeader64 if data[:8] == SIGNATURE_64 else DumpHeader32
    kind = int.from_bytes(data[header.dump_type.offset : header.dump_type.end], "little")
    if kind not in _BY_PAGES:
        return SmallDump(data, name, release)
    from smalldump.sources.big import BigDump

    return BigDump(data, name, release)


def _memory_image(data: memoryview, name: str, release: Callable[[], None], beside: Path | None) -> Snapshot:
    from smalldump.sources.ram import RamSnapshot

    return RamSnapshot(data, name, release, beside=beside)


_BY_PAGES = frozenset(
    {
        DumpType.FULL,
        DumpType.SUMMARY,
        DumpType.BITMAP_FULL,
        DumpType.BITMAP_KERNEL,
        DumpType.RDMP_KERNEL,
        DumpType.RDMP_KERNEL_AND_USER,
        DumpType.RDMP_FULL,
    }
)

SOURCES: tuple[tuple[bytes, Opener], ...] = (
    (SIGNATURE_64, _kernel_dump),
    (SIGNATURE_32, _kernel_dump),
    (ELF_SIGNATURE, _memory_image),
    (LIME_SIGNATURE, _memory_image),
    (KDUMP_SIGNATURE, _memory_image),
    (FLAT_SIGNATURE, _memory_image),
    *((signature, _memory_image) for signature in VMWARE_SIGNATURES),
)
"""First bytes and who opens such files."""

_VMWARE_MEMORY = ".vmem"
_SMALLEST_IMAGE, _PAGE = 16 << 20, 0x1000
"""A raw image of memory has no signature, but whole pages, and no Windows ran with less memory."""


def open_snapshot(
    data: memoryview, name: str, release: Callable[[], None] = lambda: None, *, beside: Path | None = None
) -> Snapshot:
    """The machine that the bytes of a file describe.

    Args:
        data: The whole file.
        name: What to call it in messages.
        release: Called when the snapshot is closed.
        beside: Where the file lies, if it does: VMware tells of a machine in two files, side by side.

    Raises:
        FormatError: The bytes are no kernel dump, or one of a kind that is not read.
    """
    for signature, opener in SOURCES:
        if data[: len(signature)] == signature:
            return opener(data, name, release, beside)
    if beside is not None and beside.suffix.lower() == _VMWARE_MEMORY:
        return _memory_image(data, name, release, beside)
    if len(data) >= _SMALLEST_IMAGE and not len(data) % _PAGE:
        with suppress(FormatError):
            return _memory_image(data, name, release, beside)
    return SmallDump(data, name, release)  # which says what is wrong with the signature
