"""Hardware error records by literal offsets, independent of the package's layouts.

record(section(PCIE, pcie_body()), section(MCA, mca_body(status=0xBE00000000800400)))
"""

from __future__ import annotations

import struct
import uuid
from typing import NamedTuple

__all__ = [
    "ARM",
    "DMAR",
    "IOMMU",
    "MCA",
    "MEMORY",
    "MEMORY_2",
    "PCIE",
    "VTD",
    "Section",
    "mca_body",
    "pcie_body",
    "record",
]

MCA = "8a1e1d01-42f9-4557-9c33-565e5cc3f7e8"
PCIE = "d995e954-bbc1-430f-ad91-b44dcb3c6f35"
MEMORY = "a5bc1114-6f64-4ede-b863-3e83ed7c83b1"
MEMORY_2 = "61ec04fc-48e6-d813-25c9-8daa44750b12"
ARM = "e19e3d16-bc11-11e4-9caa-c2051d5d46b0"
DMAR = "5b51fef7-c79d-4434-8f1b-aa62de3e2c64"
VTD = "71761d37-32b2-45cd-a7d0-b0fedd93e8cf"
IOMMU = "036f84e1-7f37-428c-a79e-575fdfaa84ec"
MICROSOFT = "cf07c4bd-b789-4e18-b3c4-1f732cb57131"
MCE = "e8f56ffe-919c-4cc5-ba88-65abe14913bb"
BINARY_TIME = bytes((50, 45, 10, 0, 12, 11, 12, 20))


class Section(NamedTuple):
    """A section to be: GUID of its kind, bytes, text of the unit, flags."""

    kind: str
    body: bytes
    fru: str = ""
    flags: int = 0


def record(
    *sections: Section,
    notify: str = MCE,
    creator: str = MICROSOFT,
    time: bytes = BINARY_TIME,
    severity: int = 1,
    record_id: int = 0x01CDC0C21E2FC73D,
) -> bytes:
    """A whole record; sections lie behind the descriptors, without gaps."""
    head = bytearray(0x80 + 0x48 * len(sections))
    position = len(head)
    for index, part in enumerate(sections):
        at = 0x80 + 0x48 * index
        struct.pack_into("<IIHBxI", head, at, position, len(part.body), 0x300, 2 if part.fru else 0, part.flags)
        head[at + 0x10 : at + 0x20] = uuid.UUID(part.kind).bytes_le
        struct.pack_into("<I20s", head, at + 0x30, severity, part.fru.encode())
        position += len(part.body)
    struct.pack_into("<4sHIHIII8s", head, 0, b"CPER", 0x210, 0xFFFFFFFF, len(sections), severity, 2, position, time)
    head[0x40:0x50] = uuid.UUID(creator).bytes_le
    head[0x50:0x60] = uuid.UUID(notify).bytes_le
    struct.pack_into("<Q", head, 0x60, record_id)
    return bytes(head) + b"".join(part.body for part in sections)


def mca_body(
    status: int, *, vendor: int = 1, bank: int = 5, address: int = 0, ipid: int = 0, size: int = 0x110
) -> bytes:
    """WHEA_XPF_MCA_SECTION of processor 3, APIC id 6."""
    body = bytearray(max(size, 0x128))
    struct.pack_into("<II8xIQQI", body, 0, 2, vendor, 3, 4, 0, bank)
    struct.pack_into("<QQQII", body, 0x28, status, address, 0x77, 0, 6)
    struct.pack_into("<QQ", body, 0x48, ipid, 0xABC)
    return bytes(body[:size])


def pcie_body(*, uncorrectable: int = 0x4000, valid: int = 0xFF) -> bytes:
    """Root port 00:1c.4, 8086:1c18, with one uncorrectable error of the device 02:00.0."""
    body = bytearray(0xD0)
    struct.pack_into("<QIIHH", body, 0, valid, 4, 0x0101, 0x0407, 0x0010)
    struct.pack_into("<HH3sBBHBBH", body, 0x18, 0x8086, 0x1C18, b"\x00\x04\x06", 4, 0x1C, 0, 0, 2, 5 << 3)
    struct.pack_into("<IIIIIII4I", body, 0x70, 0x10001, uncorrectable, 0, 0x4000, 0, 0, 14, 0x4A000001, 1, 2, 3)
    struct.pack_into("<IIHH", body, 0x70 + 0x2C, 7, 4, 0, 0x0200)
    return bytes(body)
