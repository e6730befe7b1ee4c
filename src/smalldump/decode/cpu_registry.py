"""CPU registry values: what `HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0` held.

Records without a header, to the end of the blob: u32 name bytes, UTF-16 name with NUL, u32 registry type,
u32 data bytes, data. Source: format reference §5, seen in 21 real dumps (x64 and ARM64); type 11 occurs as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from smalldump.decode.values import Json, JsonObject, known, text16
from smalldump.layout.record import Buffer

__all__ = ["decode_cpu_registry", "registry_values"]

_REG_SZ, _REG_DWORD, _REG_QWORD = 1, 4, 11
_VALUE_LIMIT = 128
_BYTES_SHOWN = 64
_DATA_LIMIT = 1024
_IDENTIFIER = re.compile(r"Family ([0-9]{1,4}) Model ([0-9A-F]{1,4}) (Stepping|Revision) ([0-9A-F]{1,4})\Z")


class RegistryValue(NamedTuple):
    """A registry value: `type` as in winnt.h, at most 1 KiB of its data, the offset behind its record."""

    name: str
    type: int
    data: bytes
    end: int

    @property
    def value(self) -> Json:
        """Strings and integers as such; anything else as hexadecimal digits, at most 64 bytes of it."""
        if self.type == _REG_SZ:
            return text16(self.data)
        if (self.type, len(self.data)) in ((_REG_DWORD, 4), (_REG_QWORD, 8)):
            return int.from_bytes(self.data, "little")
        return self.data[:_BYTES_SHOWN].hex()


def registry_values(data: Buffer) -> Iterator[RegistryValue]:
    """The values in file order, up to the first record that does not fit into the blob."""
    position = 0
    for _ in range(_VALUE_LIMIT):
        name = position + 4
        name_end = name + int.from_bytes(data[position:name], "little")
        value = name_end + 8
        if value > len(data):
            return
        end = value + int.from_bytes(data[name_end + 4 : value], "little")
        if end > len(data):
            return
        kind = int.from_bytes(data[name_end : name_end + 4], "little")
        yield RegistryValue(text16(data[name:name_end]), kind, bytes(data[value : min(end, value + _DATA_LIMIT)]), end)
        position = end


def decode_cpu_registry(data: Buffer, _private: bool) -> JsonObject:
    """Name, vendor and speed (MHz) of the processor; `unread` counts bytes behind the last sound record."""
    values: JsonObject = {}
    end = 0
    for entry in registry_values(data):
        values.setdefault(entry.name, entry.value)
        end = entry.end
    identifier = values.pop("Identifier", None)
    name = values.pop("ProcessorNameString", None)
    return known(
        name=name.strip(" ") if isinstance(name, str) else None,
        vendor=values.pop("VendorIdentifier", None),
        identifier=identifier,
        **_family(identifier),
        mhz=values.pop("~MHz", None),
        microcode=_microcode(values.pop("MSR8B", None)),
        other=values or None,
        unread=len(data) - end or None,
    )


def _family(identifier: Json) -> JsonObject:
    """The numbers in `Intel64 Family 6 Model 58 Stepping 9`; ARM writes model and revision in hexadecimal."""
    found = _IDENTIFIER.search(identifier) if isinstance(identifier, str) else None
    if not found:
        return {}
    base = 16 if found[3] == "Revision" else 10
    if base == 10 and not (found[2] + found[4]).isdecimal():
        return {}
    return {
        "family": int(found[1]),
        "model": int(found[2], base),
        found[3].lower(): int(found[4], base),
    }


def _microcode(msr_8b: Json) -> str | None:
    """Revision of the microcode: the upper half of the register, where the value is there (Intel)."""
    return f"{msr_8b >> 32:#x}" if isinstance(msr_8b, int) else None
