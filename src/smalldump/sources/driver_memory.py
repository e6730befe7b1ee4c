"""Loaded and unloaded drivers out of the kernel's own lists in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from smalldump.errors import FormatError, MemoryUnavailable
from smalldump.images.pe import PeImage
from smalldump.layout.kernel_lists import (
    UNLOADED_CAPACITY,
    KldrDataTableEntry32,
    KldrDataTableEntry64,
    UnloadedDrivers32,
    UnloadedDrivers64,
)
from smalldump.memory import AddressSpace
from smalldump.model.absent import Absent
from smalldump.model.machine import Machine
from smalldump.model.records import Module, UnloadedModule
from smalldump.sources.driver_lists import Driver, named_modules
from smalldump.sources.list_walk import Walked, walk_list

__all__ = ["modules_in_memory", "unloaded_in_memory"]

_MOST_DRIVERS = 4096
_LONGEST_PATH = 1040  # bytes: 520 characters, as many as a small dump's names are believed to have
_PAGE_MASK = 0xFFF


def modules_in_memory(memory: AddressSpace, machine: Machine, head: int) -> tuple[list[Module], Walked]:
    """The modules of the list at PsLoadedModuleList in load order, and how the walk along it ended."""
    walked = walk_list(memory, machine, head, _MOST_DRIVERS)
    drivers = (_driver(memory, machine, entry) for entry in walked.entries)
    return named_modules((driver for driver in drivers if driver is not None), machine.bits), walked


def _driver(memory: AddressSpace, machine: Machine, address: int) -> Driver | None:
    kind = KldrDataTableEntry64 if machine.bits == 64 else KldrDataTableEntry32
    data = memory.try_read(address, kind.SIZE)
    if data is None:
        return None
    entry = kind(data)
    if entry.dll_base & _PAGE_MASK or entry.dll_base < machine.kernel_start:
        return None
    path = partial(_name_of, memory, entry)
    return Driver(path, entry.dll_base, entry.size_of_image, *_header_stamps(memory, entry.dll_base))


def _name_of(memory: AddressSpace, entry: KldrDataTableEntry64 | KldrDataTableEntry32) -> str | Absent:
    full = read_name(memory, entry.full_name_buffer, entry.full_name_length)
    return full if isinstance(full, str) else read_name(memory, entry.base_name_buffer, entry.base_name_length)


def read_name(memory: AddressSpace, address: int, length: int) -> str | Absent:
    """The text of a UNICODE_STRING of `length` bytes; Absent where it is not there, or no name."""
    if not address or not 0 < length <= _LONGEST_PATH:
        return Absent.CORRUPT
    data = memory.try_read(address, length & ~1)
    if data is None:
        return Absent.PAGED_OUT
    return data.decode("utf-16-le", "surrogatepass").partition("\0")[0] or Absent.CORRUPT


def _header_stamps(memory: AddressSpace, base: int) -> tuple[int, int]:
    # CheckSum and TimeDateStamp as the PE header has them; zeros where it is not in memory, as in small dumps.
    try:
        image = PeImage.in_memory(memory, base)
    except (FormatError, MemoryUnavailable):
        return 0, 0
    return image.checksum, image.timestamp


def unloaded_in_memory(
    memory: AddressSpace, machine: Machine, words: Mapping[str, int]
) -> tuple[UnloadedModule, ...] | Absent:
    """The drivers in the ring at MmUnloadedDrivers, the most recent first.

    The index counts from 1 once a driver was unloaded; one beyond the ring is read as its end, as Microsoft's engine
    does. Source: format reference §3.5, observed with that engine.
    """
    array_at, index_at = (words.get(name, 0) for name in ("mm_unloaded_drivers", "mm_last_unloaded_driver"))
    if not array_at or not index_at:
        return Absent.NOT_APPLICABLE
    array, index = memory.word(array_at & machine.mask, machine.pointer), memory.word(index_at & machine.mask, 4)
    if array is None or index is None:
        return Absent.NOT_CAPTURED
    return tuple(_ring(memory, machine, array, min(index, UNLOADED_CAPACITY))) if array and index else ()


def _ring(memory: AddressSpace, machine: Machine, array: int, index: int) -> Iterator[UnloadedModule]:
    kind = UnloadedDrivers64 if machine.bits == 64 else UnloadedDrivers32
    for place in (*range(index - 1, -1, -1), *range(UNLOADED_CAPACITY - 1, index - 1, -1)):
        data = memory.try_read(array + place * kind.SIZE, kind.SIZE)
        if data is None:
            continue
        entry = kind(data)
        name = read_name(memory, entry.buffer, entry.length)
        text = name if isinstance(name, str) else ""
        if text or entry.start_address:
            yield UnloadedModule(text, entry.start_address, max(entry.start_address, entry.end_address), False)
