"""The kernel's image in memory: where it begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from smalldump.errors import SmallDumpError
from smalldump.images.pe import PeImage
from smalldump.layout.pe import WRITABLE, Directory, ExportDirectory
from smalldump.memory import AddressSpace
from smalldump.memory.paging import VirtualSpace
from smalldump.model.machine import X86, Machine
from smalldump.sources.discovery.effort import PAGE, Effort, pieces

__all__ = ["KernelImage", "image_at", "image_below", "image_in", "system_range"]

_REACH = 64 << 20
"""How far above its image's base an address of the kernel may lie; the largest image seen has 17 MB."""
_LARGEST = 64 << 20
_IMAGE = 64
"""Pages that could be looked at in the time that an image takes."""
_SELF_MAP_X86 = (0xC0000000, 0xC0800000)


class KernelImage(NamedTuple):
    """The kernel: base, bytes in memory, and the parts `[start, end)` to search, those with variables first."""

    base: int
    size: int
    parts: tuple[tuple[int, int], ...]


def image_at(space: AddressSpace, machine: Machine, base: int) -> KernelImage | None:
    """The kernel's image at `base`: one of this machine that says that it was linked as ntoskrnl.exe or ntkrnl*."""
    if space.read_some(base, 2) != b"MZ":
        return None
    with suppress(SmallDumpError):
        image = PeImage.in_memory(space, base)
        if image.machine == machine.image_type and _is_kernel(_linked_as(image)):
            size = min(image.size_of_image, _LARGEST)
            return KernelImage(base, size, _parts(image, base, size))
    return None


def _linked_as(image: PeImage) -> str:
    span = image.directory(Directory.EXPORT)
    if span is None:
        return ""
    name = ExportDirectory(image.read(span[0], ExportDirectory.SIZE)).module_name
    return image.read_some(name, 32).partition(b"\0")[0].decode("ascii", "replace").lower()


def _is_kernel(name: str) -> bool:
    # One name per processor count and PAE in older systems: ntkrnlmp, ntkrnlpa, ntkrpamp.
    return name == "ntoskrnl.exe" or (name.startswith("ntkr") and name.endswith(".exe"))


def _parts(image: PeImage, base: int, size: int) -> tuple[tuple[int, int], ...]:
    spans = [
        (base + each.rva, base + min(each.end, size)) for each in image.sections if each.characteristics & WRITABLE
    ]
    return (*(span for span in spans if span[0] < span[1]), (base, base + size))


def image_below(space: VirtualSpace, machine: Machine, address: int, effort: Effort) -> KernelImage | None:
    """The kernel whose image lies around or below `address`: pages are tried downwards; holes do not stop that."""
    base = address & -PAGE
    end = max(base - _REACH, machine.kernel_start)
    while base >= end and effort.spend():
        page = space.lookup(base)
        if not page.state.resident:
            base = (page.start - 1) & -PAGE
            continue
        if space.read_some(base, 2) == b"MZ" and effort.spend(_IMAGE):
            image = image_at(space, machine, base)
            if image is not None:
                return image
        base -= PAGE
    return None


def image_in(space: AddressSpace, machine: Machine, effort: Effort) -> KernelImage | None:
    """The kernel by a walk over all of the system's pages."""
    for start, end in system_range(machine):
        for position, data in pieces(space, start, end, effort):
            for at in range(-position % PAGE, len(data), PAGE):
                if data[at : at + 2] == b"MZ" and effort.spend(_IMAGE):
                    image = image_at(space, machine, position + at)
                    if image is not None:
                        return image
    return None


def system_range(machine: Machine) -> Iterator[tuple[int, int]]:
    """Where kernel images lie: the page tables' map of themselves is left out.

    On 64-bit machines since Vista it is the range of images that Windows gives to itself, 0xFFFFF800... and up.
    """
    if machine is X86:
        yield machine.kernel_start, _SELF_MAP_X86[0]
        yield _SELF_MAP_X86[1], 1 << 32
    else:
        yield 0xFFFFF80000000000, 0xFFFFF90000000000
