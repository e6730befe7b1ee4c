"""PCI configuration: which devices sat where when the machine stopped.

Records `PCfg`, each as long as it says, to the end of the blob: pci.sys's own words, then from 0x3C on the
device's configuration space as the PCI specification lays it out.
Source: measured in 8 real dumps: location and bus numbers agree with those of the bridges above.
"""

from __future__ import annotations

from smalldump.decode.values import Json, JsonObject, known
from smalldump.layout.record import Buffer, Record, raw, u8, u16, u32

__all__ = ["decode_pci"]

_SIGNATURE = b"PCfg"
_DEVICE_LIMIT = 1024
_NO_ANSWER = 0xFFFF


class PciConfiguration(Record, size=0x7C):
    """One `PCfg` record, up to the end of the 64-byte standard header; more configuration space can follow."""

    signature = raw(0x00, 4, "`PCfg`")
    record_size = u32(0x04, "bytes to the next record")
    location = u32(0x0C, "bus << 8 | device << 3 | function")
    vendor_id = u16(0x3C, "0xFFFF: the device did not answer")
    device_id = u16(0x3E)
    command = u16(0x40)
    status = u16(0x42)
    revision_id = u8(0x44)
    class_code = raw(0x45, 3, "programming interface, subclass, class")
    header_type = u8(0x4A, "low seven bits: 0 device, 1 bridge")
    subsystem_vendor_id = u16(0x68, "devices only")
    subsystem_id = u16(0x6A, "devices only")


def decode_pci(data: Buffer, _private: bool) -> JsonObject:
    """Devices as `bus:device.function`, `vendor:device`, class code; those that did not answer are listed apart."""
    devices: list[Json] = []
    silent: list[Json] = []
    position = 0
    while position + PciConfiguration.SIZE <= len(data) and len(devices) + len(silent) < _DEVICE_LIMIT:
        signature, size, location, vendor, device, revision, code, header_type, *subsystem = _RECORD.unpack_from(
            data, position
        )
        if signature != _SIGNATURE or not PciConfiguration.SIZE <= size <= len(data) - position:
            break
        position += size
        if vendor == _NO_ANSWER:
            silent.append(_place(location))
            continue
        plain = header_type & 0x7F == 0 and any(subsystem)
        devices.append(
            known(
                at=_place(location),
                id=f"{vendor:04x}:{device:04x}",
                revision=f"{revision:#x}",
                class_code=f"0x{code[::-1].hex()}",
                subsystem=f"{subsystem[0]:04x}:{subsystem[1]:04x}" if plain else None,
            )
        )
    return {"devices": devices, "no_answer": silent} | known(unread=len(data) - position or None)


_RECORD = PciConfiguration.unpacker(
    "signature",
    "record_size",
    "location",
    "vendor_id",
    "device_id",
    "revision_id",
    "class_code",
    "header_type",
    "subsystem_vendor_id",
    "subsystem_id",
)


def _place(location: int) -> str:
    return f"{location >> 8:02x}:{location >> 3 & 0x1F:02x}.{location & 7}"
