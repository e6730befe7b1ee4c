"""Secondary data: the blobs of known meaning (format reference §5), made of invented contents."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

from tests.synth.parts import Blob, Block

__all__ = [
    "REG_BINARY",
    "REG_DWORD",
    "REG_SZ",
    "UNKNOWN_TAG",
    "boot_status",
    "cpuid",
    "registry_values",
    "smbios",
    "smbios_structure",
    "triage_requests",
    "unknown",
    "winlogon",
]

REG_SZ, REG_BINARY, REG_DWORD = 1, 3, 4
UNKNOWN_TAG = "7d3f4c52-0b1e-4c8a-9f27-51c6de0a8b43"


def registry_values(values: Mapping[str, str | bytes | int]) -> Blob:
    """Processor values of the registry: {u32 name bytes, name, u32 type, u32 data bytes, data} records."""
    out = b""
    for name, value in values.items():
        if isinstance(value, str):
            kind, data = REG_SZ, (value + "\0").encode("utf-16-le")
        elif isinstance(value, int):
            kind, data = REG_DWORD, struct.pack("<I", value)
        else:
            kind, data = REG_BINARY, value
        raw = (name + "\0").encode("utf-16-le")
        out += struct.pack("<I", len(raw)) + raw + struct.pack("<II", kind, len(data)) + data
    return Blob("6c7ac389-4313-47dc-9f34-a8800a0fb56c", out)


def smbios_structure(kind: int, handle: int, fields: bytes, *texts: str) -> bytes:
    """One SMBIOS structure: header, formatted area, string set."""
    strings = b"".join(text.encode() + b"\0" for text in texts) or b"\0"
    return struct.pack("<BBH", kind, 4 + len(fields), handle) + fields + strings + b"\0"


def smbios(structures: Iterable[bytes], version: tuple[int, int] = (3, 2)) -> Blob:
    """Raw SMBIOS tables behind their 8-byte header, closed by an end-of-table structure."""
    tables = b"".join(structures) + smbios_structure(127, 0xFEFF, b"")
    return Blob("bc5c008f-1e3a-44d7-988d-86f6884c6758", struct.pack("<BBBBI", 0, *version, 0, len(tables)) + tables)


def cpuid(leaves: Mapping[int, tuple[int, int, int, int]], registers: Mapping[int, int]) -> Blob:
    """CPUID leaves and MSRs: {u32 kind, u32 number, 16 bytes of another CPU, 16 bytes of the crashing CPU}."""
    out = b""
    for leaf, values in leaves.items():
        other = values
        if leaf == 1:
            other = (values[0], values[1] & 0x00FFFFFF, values[2], values[3])
        out += struct.pack("<II4I4I", 0, leaf, *other, *values)
    for number, value in registers.items():
        out += struct.pack("<IIQQQQ", 1, number, value, 0, value, 0)
    return Blob("d03dc06f-d88e-44c5-ba2a-fae035172d19", out)


def triage_requests(requests: Mapping[str, Sequence[Block]]) -> Blob:
    """Which component asked for which blocks: {u32 count, u32 name bytes, count x {u64, u64}, name}."""
    out = b""
    for component, blocks in requests.items():
        name = component.encode() + b"\0"
        out += struct.pack("<II", len(blocks), len(name))
        out += b"".join(struct.pack("<QQ", block.address, len(block.data)) for block in blocks) + name
    return Blob("2b4ae195-a64d-4f04-8ede-7e4f981bd42a", out)


def winlogon(text: str) -> Blob:
    """The winlogon black box: version 1, size of the whole, four bytes, UTF-16 state text."""
    state = (text + "\0").encode("utf-16-le")
    return Blob("80cc79cf-a719-4af1-bf97-fe29ff76ebc1", struct.pack("<III", 1, 12 + len(state), 0) + state)


def boot_status(time: int, boot_id: int) -> Blob:
    """The boot status black box of a running system, as long as that of Windows 10 2004 (0xB0 bytes).

    Args:
        time: FILETIME of the last note, not long before the crash.
        boot_id: Number of this boot; the one before it was shut down in order.
    """
    head = struct.pack("<IIBBBBB", 0xB0, 1, 0, 30, 1, 0, 0).ljust(0x18, b"\0")
    running = b"\x01".ljust(8, b"\0")
    counts = struct.pack("<QIIBBHIII", time, 0, boot_id, 1, 1, 0, boot_id, boot_id - 1, 0)
    return Blob("f57308df-cc45-4e01-ad76-29a4ebb010ec", (head + running + counts).ljust(0xB0, b"\0"))


def unknown(data: bytes) -> Blob:
    """A blob whose GUID nobody knows: it was invented for these dumps."""
    return Blob(UNKNOWN_TAG, data)
