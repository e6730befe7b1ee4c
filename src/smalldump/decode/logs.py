"""Blobs of which only the beginning is understood: whose log it is, which build ran, which drivers use KMDF.

Source: measured in up to 21 real dumps, as each function says.
"""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.decode.values import Json, JsonObject, filetime_utc, known, text8
from smalldump.layout.record import Buffer, Record, raw, u32, u64

__all__ = [
    "decode_component_log",
    "decode_kmdf_drivers",
    "decode_trace_header",
    "kmdf_clients",
]

_DRIVER_LIMIT = 512
_WPP_LOG = b"WPLg"


class WppLog(Record, size=0x20):
    """The beginning of a WPP recorder log."""

    component = raw(0x00, 28, "name; empty in the second and later parts")
    signature = raw(0x1C, 4, "`WPLg`, or zero in a part without entries")


class TraceHeader(Record, size=0x18):
    """The beginning of the event trace buffers."""

    build_number = u32(0x04, "0xF0000000 | build: the true one, where the dump header says 19041 for 19045")
    processor_mhz = u32(0x08)
    boot_time = u64(0x10, "FILETIME")


class KmdfDriver(Record, size=0x38):
    """One entry of the KMDF driver list; the first is the framework itself."""

    major_version = u32(0x08, "KMDF version that the driver is bound to")
    minor_version = u32(0x0C)
    name = raw(0x14, 32, "driver name without `.sys`")


def decode_component_log(data: Buffer, _private: bool) -> JsonObject:
    """Whose log it is; the entries need the component's symbols. Seen in 8 real dumps.

    Raises:
        Truncated: The log has no header.
    """
    log = WppLog(data)
    return known(component=text8(log.component) or None, has_log=log.signature == _WPP_LOG)


def decode_trace_header(data: Buffer, _private: bool) -> JsonObject:
    """Windows build, processor speed and boot time.

    In 10 of 10 real dumps the speed equals the registry's, and the boot time lies within 0.8 s of the time that
    the header's system time and uptime give.

    Raises:
        Truncated: The blob is shorter than its header.
    """
    header = TraceHeader(data)
    return known(
        build=header.build_number & 0xFFFFFFF,
        mhz=header.processor_mhz,
        boot_time_utc=filetime_utc(header.boot_time),
    )


def decode_kmdf_drivers(data: Buffer, _private: bool) -> JsonObject:
    """The drivers that use KMDF, with the version they are bound to. Seen in 21 real dumps."""
    drivers: list[Json] = [{"name": name, "version": f"{major}.{minor}"} for major, minor, name in _kmdf(data)]
    return {"drivers": drivers}


def kmdf_clients(data: Buffer) -> tuple[str, ...]:
    """Names, without `.sys`, of the drivers that use KMDF, in the framework's order; the first is the framework."""
    return tuple(name for _, _, name in _kmdf(data))


def _kmdf(data: Buffer) -> Iterator[tuple[int, int, str]]:
    count = min(len(data) // KmdfDriver.SIZE, _DRIVER_LIMIT)
    for major, minor, name in _KMDF_DRIVER.iter_unpack(memoryview(data)[: count * KmdfDriver.SIZE]):
        if name[0]:
            yield major, minor, text8(name)


_KMDF_DRIVER = KmdfDriver.unpacker("major_version", "minor_version", "name")
