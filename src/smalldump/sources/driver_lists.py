"""Loaded and unloaded drivers, and the driver that Windows blames."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from smalldump.layout.triage import (
    UNLOADED_SLOTS,
    DriverEntry32,
    DriverEntry64,
    UnloadedDriver32,
    UnloadedDriver64,
)
from smalldump.model.absent import Absent
from smalldump.model.records import Module, UnloadedModule
from smalldump.sources.triage_file import TriageFile

__all__ = [
    "NAMES_LIMIT",
    "Driver",
    "broken_driver",
    "loaded_modules",
    "module_name",
    "named_modules",
    "unloaded_modules",
]

NAMES_LIMIT = 0x20000
"""Most characters of all drivers' paths together; 1,213 drivers have 47,391."""

_NAME_LIMIT = 24  # bytes of an unloaded driver's name
_ODD = re.compile(r"[^A-Za-z0-9_]")
_ALIASES = {
    file: name
    for name, files in {
        "nt": "ntoskrnl.exe ntkrnlmp.exe ntkrnlpa.exe ntkrnlup.exe ntkrpamp.exe",
        "hal": "hal.dll hal486c.dll halaacpi.dll halacpi.dll halapic.dll halborg.dll halmacpi.dll halmps.dll halsp.dll",
        "kdcom": "kdcom.dll kd1394.dll kdnet.dll kdusb.dll",
        "hv": "hvix64.exe hvax64.exe hvaa64.exe",
    }.items()
    for file in files.split()
}
_UNLOADED64 = UnloadedDriver64.unpacker("length", "driver_name", "start_address", "end_address")
_UNLOADED32 = UnloadedDriver32.unpacker("length", "driver_name", "start_address", "end_address")


class Driver(NamedTuple):
    """A driver as an entry of a list has it, before it has a name of its own.

    Attributes:
        path: Reads its path.
        timestamp, checksum: Of the PE header; both 0 where that was not in memory.
    """

    path: Callable[[], str | Absent]
    base: int
    size: int
    checksum: int
    timestamp: int


def loaded_modules(file: TriageFile) -> list[Module]:
    """The loaded drivers in load order, the kernel first; a repeated entry counts once (looping lists repeat)."""
    drivers = (Driver(partial(file.string, name), *facts) for name, *facts in file.driver_entries)
    return named_modules(drivers, file.bits)


def named_modules(drivers: Iterable[Driver], bits: int) -> list[Module]:
    """The modules that entries of a list stand for, named apart; the first is the kernel, repeated ones count once."""
    modules: list[Module] = []
    seen: set[tuple[int, int]] = set()
    taken: set[str] = set()
    left = NAMES_LIMIT
    for driver in drivers:
        base, size = driver.base, driver.size
        if not base or (base, size) in seen:
            continue
        seen.add((base, size))
        path = driver.path() if left > 0 else Absent.CORRUPT
        if isinstance(path, Absent) or len(path) > left:
            path = f"Unknown_Module_{base:0{bits // 4}x}"  # what Microsoft's engine calls such a driver
        left -= len(path)
        name = path.rpartition("\\")[2]
        shown = _distinct(module_name(name, kernel=not modules), base, taken, bits // 4)
        # The writer takes both from the PE header in memory, and writes zeros where that page was not there.
        known = driver.checksum or driver.timestamp
        header = (driver.timestamp, driver.checksum) if known else (Absent.PAGED_OUT, Absent.PAGED_OUT)
        modules.append(Module(shown, name, path, base, size, *header))
    return modules


def _distinct(name: str, base: int, taken: set[str], digits: int) -> str:
    # As WinDbg does: the first keeps a name, others of that name (whatever the case) get their address behind it.
    plain = name.lower()
    if plain in taken:
        address = f"_{base:0{digits}x}"
        name, plain = name + address, plain + address
    taken.add(plain)
    return name


def module_name(file_name: str, *, kernel: bool = False) -> str:
    """What WinDbg calls a driver: its file name up to the last dot, `_` for all but ASCII letters, digits and `_`.

    The kernel is `nt`; the known files of kernel, HAL, debugger transport and hypervisor share one name each.
    Source: what Microsoft's engine (10.0.15063) called 150 invented file names.
    """
    if kernel:
        return "nt"
    alias = _ALIASES.get(file_name.lower())
    if alias:
        return alias
    stem = file_name.rpartition(".")[0] or file_name
    return stem if stem.isascii() and stem.isalnum() else _ODD.sub("_", stem)


def unloaded_modules(file: TriageFile) -> tuple[UnloadedModule, ...] | Absent:
    """The unloaded drivers, the most recent first; Absent where the dump has no such list (Windows 2000)."""
    section = file.section("unloaded drivers")
    wide = file.bits == 64
    prefix = 8 if wide else 4
    if isinstance(section, Absent):
        return section
    if len(section) < prefix:
        return file.missing("unloaded drivers")
    count = min(int.from_bytes(section[:prefix], "little"), UNLOADED_SLOTS)
    entry = _UNLOADED64 if wide else _UNLOADED32
    slots = section[prefix:][: count * entry.size]
    return tuple(_unloaded(slots[: len(slots) // entry.size * entry.size], wide=wide))


def _unloaded(slots: memoryview, *, wide: bool) -> Iterator[UnloadedModule]:
    for length, name, start, end in (_UNLOADED64 if wide else _UNLOADED32).iter_unpack(slots):
        used = name[: min(length, _NAME_LIMIT)]
        text = used.decode("utf-16-le", "replace").partition("\0")[0]
        if start or text:
            # Names are cut at 12 characters; a name of just that length may be whole, which the dump cannot tell.
            yield UnloadedModule(text, start, max(start, end), len(text) == _NAME_LIMIT // 2)


def broken_driver(file: TriageFile) -> str | Absent:
    """The driver that Windows blames, where `BrokenDriverOffset` leads to a name or to an entry of the list.

    The layout of its target is in no public source and in no file seen; other targets are Absent.UNSUPPORTED, those
    beyond the file Absent.CORRUPT.
    """
    if file.triage is None or not file.machine.supported:
        return Absent.CORRUPT if file.machine.supported else Absent.UNSUPPORTED
    offset = file.triage.broken_driver_offset
    if not offset or offset >= len(file.data):
        return Absent.CORRUPT if offset else Absent.NOT_CAPTURED
    drivers = file.sections.get("driver list")
    size = DriverEntry64.SIZE if file.bits == 64 else DriverEntry32.SIZE
    if drivers and drivers.offset <= offset < drivers.end and (offset - drivers.offset) % size == 0:
        offset = int.from_bytes(file.view(offset, 4), "little")
    name = file.string(offset)
    return name if isinstance(name, str) and name.isprintable() else Absent.UNSUPPORTED
