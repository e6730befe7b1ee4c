"""SMBIOS tables: maker and model of the machine, BIOS, board, processors, memory modules.

The blob is what Windows calls RawSMBIOSData: an 8-byte header, then structures, each a formatted area followed by
its strings. A field is read only where the structure's own length covers it, so 2.x and 3.x need no distinction.
Source: DMTF DSP0134 (SMBIOS 3.7); the header as in 19 real dumps, format reference §5.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import NamedTuple

from smalldump.decode.values import Json, JsonObject, known, private_or, text8, uint
from smalldump.layout.record import Buffer, Record, u8, u32

__all__ = ["RawSmbiosData", "Structure", "decode_smbios", "smbios_structures"]

_TABLES_LIMIT = 1 << 20
_STRUCTURE_LIMIT = 2048
_STRING_LIMIT = 255
_LIST_LIMIT = 256
_END_OF_TABLE = 127


class RawSmbiosData(Record, size=0x08):
    """The header before the tables."""

    used_20_calling_method = u8(0x00)
    major_version = u8(0x01, "SMBIOS version")
    minor_version = u8(0x02)
    dmi_revision = u8(0x03)
    length = u32(0x04, "bytes of the tables that follow")


class Structure(NamedTuple):
    """One SMBIOS structure: its type, its formatted area (header included) and its strings."""

    type: int
    area: bytes
    strings: list[bytes]

    def number(self, offset: int, size: int) -> int | None:
        """The integer of `size` bytes at `offset`, or None behind the end of the structure."""
        return uint(self.area, offset, size)

    def text(self, offset: int) -> str | None:
        """The string whose number is at `offset`; None for number 0, an empty string or a wrong number."""
        index = self.number(offset, 1)
        return text8(self.strings[index - 1]) or None if index and index <= len(self.strings) else None


def smbios_structures(tables: bytes, types: Container[int] = range(256)) -> Iterator[Structure]:
    """The structures of these types in file order, up to the end of the table or the first that is broken."""
    position, size = 0, len(tables)
    for _ in range(_STRUCTURE_LIMIT):
        if size - position < 4:
            return
        kind, length = tables[position], tables[position + 1]
        strings = position + length
        if length < 4 or strings > size:
            return
        end = tables.find(b"\0\0", strings)
        end = size if end < 0 else end
        if kind in types:
            yield Structure(kind, tables[position:strings], tables[strings:end].split(b"\0", _STRING_LIMIT))
        if kind == _END_OF_TABLE:
            return
        position = end + 2


def decode_smbios(data: Buffer, private: bool) -> JsonObject:
    """Who made the machine and of what it is made. Memory sizes in MiB, speeds in MHz and MT/s.

    Raises:
        Truncated: Not even the header is there.
    """
    header = RawSmbiosData(data)
    length = min(header.length, _TABLES_LIMIT)
    tables = bytes(data[RawSmbiosData.SIZE : RawSmbiosData.SIZE + length])
    result: JsonObject = {"version": f"{header.major_version}.{header.minor_version}"}
    lists: dict[str, list[Json]] = {"processors": [], "memory_arrays": [], "memory_modules": []}
    for structure in smbios_structures(tables, _DECODERS):
        name, decode = _DECODERS[structure.type]
        if name not in lists:
            result.setdefault(name, decode(structure, private))
        elif len(lists[name]) < _LIST_LIMIT:
            lists[name].append(decode(structure, private))
    modules = [module for module in lists["memory_modules"] if isinstance(module, dict)]
    return (
        result
        | {name: entries for name, entries in lists.items() if entries}
        | known(memory_mib=sum(size for m in modules if isinstance(size := m.get("size_mib"), int)) or None)
    )


def _bios(s: Structure, _private: bool) -> JsonObject:
    return known(vendor=s.text(0x04), version=s.text(0x05), date=s.text(0x08))


def _system(s: Structure, private: bool) -> JsonObject:
    return known(
        vendor=s.text(0x04),
        product=s.text(0x05),
        version=s.text(0x06),
        sku=s.text(0x19),
        family=s.text(0x1A),
        serial=private_or(s.text(0x07), private),
        uuid=private_or(_uuid(s.area[0x08:0x18]), private),
    )


def _board(s: Structure, private: bool) -> JsonObject:
    return known(
        vendor=s.text(0x04),
        product=s.text(0x05),
        version=s.text(0x06),
        serial=private_or(s.text(0x07), private),
        asset_tag=private_or(s.text(0x08), private),
    )


def _chassis(s: Structure, private: bool) -> JsonObject:
    kind = s.number(0x05, 1)
    return known(
        vendor=s.text(0x04),
        type=None if kind is None else _CHASSIS.get(kind & 0x7F, f"type {kind & 0x7F:#x}"),
        serial=private_or(s.text(0x07), private),
        asset_tag=private_or(s.text(0x08), private),
    )


def _processor(s: Structure, private: bool) -> JsonObject:
    return known(
        socket=s.text(0x04),
        vendor=s.text(0x07),
        name=s.text(0x10),
        max_mhz=s.number(0x14, 2) or None,
        current_mhz=s.number(0x16, 2) or None,
        cores=_count(s, 0x23, 0x2A),
        threads=_count(s, 0x25, 0x2E),
        serial=private_or(s.text(0x20), private),
    )


def _memory_array(s: Structure, _private: bool) -> JsonObject:
    kilobytes = s.number(0x07, 4)
    if kilobytes == 0x80000000:
        kilobytes = (s.number(0x0F, 8) or 0) >> 10
    return known(
        use={3: "system"}.get(s.number(0x05, 1) or 0, "other"),
        error_correction=_CORRECTION.get(s.number(0x06, 1) or 0),
        capacity_mib=None if not kilobytes else kilobytes >> 10,
        slots=s.number(0x0D, 2),
    )


def _memory_module(s: Structure, private: bool) -> JsonObject:
    kind = s.number(0x12, 1)
    return known(
        slot=s.text(0x10),
        bank=s.text(0x11),
        size_mib=_module_size(s),
        type=None if kind is None else _MEMORY.get(kind, f"type {kind:#x}"),
        speed_mts=_speed(s, 0x15, 0x54),
        configured_mts=_speed(s, 0x20, 0x58),
        vendor=s.text(0x17),
        part_number=s.text(0x1A),
        serial=private_or(s.text(0x18), private),
        asset_tag=private_or(s.text(0x19), private),
    )


def _uuid(raw: bytes) -> str | None:
    if len(raw) < 16 or raw in (bytes(16), b"\xff" * 16):
        return None
    a, b, c = raw[3::-1].hex(), raw[5:3:-1].hex(), raw[7:5:-1].hex()
    return f"{a}-{b}-{c}-{raw[8:10].hex()}-{raw[10:].hex()}"


def _count(s: Structure, byte: int, word: int) -> int | None:
    """A count of cores or threads: 0xFF in the old byte sends to the newer word; 0 is unknown."""
    count = s.number(byte, 1)
    return (s.number(word, 2) if count == 0xFF else count) or None


def _speed(s: Structure, word: int, extended: int) -> int | None:
    speed = s.number(word, 2)
    return (s.number(extended, 4) if speed == 0xFFFF else speed) or None


def _module_size(s: Structure) -> int | None:
    """Size in MiB; 0 for an empty slot, None where unknown."""
    size = s.number(0x0C, 2)
    if size is None or size == 0xFFFF:
        return None
    if size == 0x7FFF:
        extended = s.number(0x1C, 4)
        return None if extended is None else extended & 0x7FFFFFFF
    return (size & 0x7FFF) >> 10 if size & 0x8000 else size


_DECODERS: dict[int, tuple[str, Callable[[Structure, bool], JsonObject]]] = {
    0: ("bios", _bios),
    1: ("system", _system),
    2: ("board", _board),
    3: ("chassis", _chassis),
    4: ("processors", _processor),
    16: ("memory_arrays", _memory_array),
    17: ("memory_modules", _memory_module),
}

_CHASSIS = {
    0x01: "other",
    0x02: "unknown",
    0x03: "desktop",
    0x04: "low profile desktop",
    0x05: "pizza box",
    0x06: "mini tower",
    0x07: "tower",
    0x08: "portable",
    0x09: "laptop",
    0x0A: "notebook",
    0x0B: "hand held",
    0x0C: "docking station",
    0x0D: "all in one",
    0x0E: "sub notebook",
    0x10: "lunch box",
    0x11: "main server chassis",
    0x17: "rack mount chassis",
    0x18: "sealed-case PC",
    0x1C: "blade",
    0x1D: "blade enclosure",
    0x1E: "tablet",
    0x1F: "convertible",
    0x20: "detachable",
    0x21: "IoT gateway",
    0x22: "embedded PC",
    0x23: "mini PC",
    0x24: "stick PC",
}
_CORRECTION = {3: "none", 4: "parity", 5: "single-bit ECC", 6: "multi-bit ECC", 7: "CRC"}
_MEMORY = {
    0x01: "other",
    0x02: "unknown",
    0x03: "DRAM",
    0x07: "RAM",
    0x0F: "SDRAM",
    0x12: "DDR",
    0x13: "DDR2",
    0x18: "DDR3",
    0x1A: "DDR4",
    0x1B: "LPDDR",
    0x1C: "LPDDR2",
    0x1D: "LPDDR3",
    0x1E: "LPDDR4",
    0x20: "HBM",
    0x21: "HBM2",
    0x22: "DDR5",
    0x23: "LPDDR5",
    0x24: "HBM3",
}
