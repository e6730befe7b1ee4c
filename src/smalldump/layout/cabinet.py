"""Cabinets: archives in which symbol stores keep compressed files. Source: Microsoft's [MS-CAB]."""

from __future__ import annotations

from smalldump.layout.record import Record, u16, u32

__all__ = ["CabinetData", "CabinetFile", "CabinetFolder", "CabinetHeader"]


class CabinetHeader(Record, size=0x24):
    """CFHEADER, without its optional fields."""

    signature = u32(0x00)
    cabinet_size = u32(0x08)
    files_offset = u32(0x10)
    version = u16(0x18)
    folders = u16(0x1A)
    files = u16(0x1C)
    flags = u16(0x1E)


class CabinetFolder(Record, size=0x08):
    """CFFOLDER: data blocks that are compressed together."""

    data_offset = u32(0x00)
    data_blocks = u16(0x04)
    compression = u16(0x06, "low four bits: 0 stored, 1 MSZIP, 3 LZX with the window's bits in bits 8 to 12")


class CabinetFile(Record, size=0x10):
    """CFFILE, without its name."""

    size = u32(0x00)
    folder_offset = u32(0x04)
    folder = u16(0x08)


class CabinetData(Record, size=0x08):
    """CFDATA, without its bytes."""

    checksum = u32(0x00)
    packed_size = u16(0x04)
    unpacked_size = u16(0x06)
