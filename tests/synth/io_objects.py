"""Objects of the I/O system for tests, x64, field by field at literal offsets."""

from __future__ import annotations

import struct
from collections.abc import Mapping

__all__ = ["IRP_AT", "device", "driver_object", "irp", "placed", "power_memory"]

IRP_AT = 0xFFFFC00000001000


def placed(size: int, *fields: tuple[int, str, int]) -> bytes:
    """`size` bytes with numbers: (offset, `struct` code, value)."""
    data = bytearray(size)
    for offset, code, value in fields:
        struct.pack_into(f"<{code}", data, offset, value)
    return bytes(data)


def irp(at: int, devices: tuple[int, ...], current: int, minor: int = 2) -> Mapping[int, bytes]:
    """A power IRP with one stack location for each device, the lowest first; `current` counts from 1."""
    locations = b"".join(_location(device, minor) for device in devices)
    where = at + 0xD0 + 0x48 * (current - 1)
    head = placed(
        0xD0,
        (0x00, "H", 6),
        (0x02, "H", 0xD0 + len(locations)),
        (0x30, "I", 0xC00000BB),
        (0x42, "B", len(devices)),
        (0x43, "B", current),
        (0xB8, "Q", where),
    )
    return {at: head + locations}


def _location(device_at: int, minor: int) -> bytes:
    return placed(
        0x48, (0, "B", 0x16), (1, "B", minor), (3, "B", 0xE1), (0x10, "I", 1), (0x18, "I", 4), (0x28, "Q", device_at)
    )


def device(at: int, driver_at: int, *, above: int = 0, below: int = 0) -> Mapping[int, bytes]:
    """A device object with its extension behind it."""
    extension = at + 0x150
    head = placed(
        0x150, (0, "H", 3), (2, "H", 0x150), (8, "Q", driver_at), (0x18, "Q", above), (0x48, "I", 0x22),
        (0x138, "Q", extension),
    )  # fmt: skip
    return {at: head + placed(0x38, (0, "H", 13), (8, "Q", at), (0x30, "Q", below))}


def driver_object(at: int, image: int, name: str) -> Mapping[int, bytes]:
    """A driver object with its name behind it."""
    raw = name.encode("utf-16-le")
    head = placed(
        0x150, (0, "H", 4), (2, "H", 0x150), (0x18, "Q", image), (0x38, "H", len(raw)), (0x40, "Q", at + 0x150)
    )
    return {at: head + raw}


def power_memory(request: int, pdo: int, holder: int, bus: int) -> Mapping[int, bytes]:
    """A power request that the driver at `holder` has; the driver at `bus` made the device at `pdo` below."""
    upper, first, second = pdo + 0x100000, pdo + 0x200000, pdo + 0x201000
    return {
        **irp(request, (pdo, upper), 2),
        **device(pdo, second, above=upper),
        **device(upper, first, below=pdo),
        **driver_object(first, holder, "\\Driver\\holder"),
        **driver_object(second, bus, "\\Driver\\bus"),
    }
