"""What the bits of an NTSTATUS say by themselves: how bad it is, whose it is, which part of Windows it is of.

Source: Microsoft's open specification [MS-ERREF], section 2.3.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["StatusBits", "status_bits"]

_SEVERITIES = ("success", "information", "warning", "error")
_FACILITIES = {
    0x1: "debugger",
    0x2: "RPC runtime",
    0x3: "RPC stubs",
    0x4: "I/O",
    0x7: "Win32",
    0x9: "security support provider",
    0xA: "terminal server",
    0x10: "USB",
    0x11: "HID",
    0x13: "cluster",
    0x14: "ACPI",
    0x15: "side by side",
    0x19: "transactions",
    0x1A: "common log",
    0x1B: "video",
    0x1C: "filter manager",
    0x1D: "monitor",
    0x1E: "graphics kernel",
    0x20: "driver framework",
    0x21: "BitLocker",
    0x22: "filtering platform",
    0x23: "NDIS",
    0x35: "hypervisor",
    0x36: "IPsec",
}


class StatusBits(NamedTuple):
    """The parts of an NTSTATUS.

    Attributes:
        severity: In words.
        customer: Whether somebody other than Microsoft defined it.
        facility: Number; 0 for none in particular.
        facility_name: In words, or None.
        number: Within the facility.
    """

    severity: str
    customer: bool
    facility: int
    facility_name: str | None
    number: int


def status_bits(status: int) -> StatusBits:
    """The parts of the low 32 bits."""
    facility = status >> 16 & 0xFFF
    return StatusBits(
        severity=_SEVERITIES[status >> 30 & 3],
        customer=bool(status >> 29 & 1),
        facility=facility,
        facility_name=_FACILITIES.get(facility),
        number=status & 0xFFFF,
    )
