"""The entries of the lists that the kernel keeps in memory: loaded drivers, and drivers that were unloaded."""

from __future__ import annotations

from smalldump.layout.record import Record, raw, u16, u32, u64

__all__ = [
    "UNLOADED_CAPACITY",
    "KldrDataTableEntry32",
    "KldrDataTableEntry64",
    "UnloadedDrivers32",
    "UnloadedDrivers64",
]

UNLOADED_CAPACITY = 50
"""Entries of the ring at MmUnloadedDrivers."""


class KldrDataTableEntry32(Record, size=0x34):
    """`KLDR_DATA_TABLE_ENTRY`, its beginning, which no build moved. Source: format reference §3.6."""

    flink = u32(0x00, "next entry, in load order")
    blink = u32(0x04)
    dll_base = u32(0x18)
    entry_point = u32(0x1C)
    size_of_image = u32(0x20, "bytes")
    full_name_length = u16(0x24, "FullDllName: bytes")
    full_name_buffer = u32(0x28)
    base_name_length = u16(0x2C, "BaseDllName: bytes")
    base_name_buffer = u32(0x30)


class KldrDataTableEntry64(Record, size=0x68):
    """`KLDR_DATA_TABLE_ENTRY`, its beginning, which no build moved. Source: format reference §3.6."""

    flink = u64(0x00, "next entry, in load order")
    blink = u64(0x08)
    dll_base = u64(0x30)
    entry_point = u64(0x38)
    size_of_image = u32(0x40, "bytes")
    full_name_length = u16(0x48, "FullDllName: bytes")
    full_name_buffer = u64(0x50)
    base_name_length = u16(0x58, "BaseDllName: bytes")
    base_name_buffer = u64(0x60)


class UnloadedDrivers32(Record, size=0x18):
    """`UNLOADED_DRIVERS`, an entry of the ring at MmUnloadedDrivers. Source: format reference §3.5."""

    length = u16(0x00, "Name: bytes")
    buffer = u32(0x04)
    start_address = u32(0x08)
    end_address = u32(0x0C)
    current_time = raw(0x10, 8, "FILETIME")


class UnloadedDrivers64(Record, size=0x28):
    """`UNLOADED_DRIVERS`, an entry of the ring at MmUnloadedDrivers. Source: format reference §3.5."""

    length = u16(0x00, "Name: bytes")
    buffer = u64(0x08)
    start_address = u64(0x10)
    end_address = u64(0x18)
    current_time = raw(0x20, 8, "FILETIME")
