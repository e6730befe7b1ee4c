"""What sections of error records are turned into, and the reading of fields that validation bits guard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from smalldump.decode.values import text8
from smalldump.layout.record import Buffer, Record

__all__ = [
    "ERROR_TYPES",
    "Facts",
    "Meaning",
    "Valid",
    "bits",
    "error_status",
    "fill",
    "function_at",
    "hexed",
    "named",
    "number",
    "requester",
    "text",
    "valid_facts",
]

Facts: TypeAlias = tuple[tuple[str, str], ...]
"""(name, value) pairs in the order of the section; a field that is not valid or not there is left out."""


class Meaning(NamedTuple):
    """What a section says.

    Attributes:
        unit: What failed: `processor`, `memory`, `pcie`, `pci`, `iommu`, `firmware`, `platform`, `unknown`.
        words: One sentence without full stop, or None where the section adds nothing to the others.
        weight: The most telling section of a record has the highest; 0 for one that only comments others.
    """

    unit: str
    words: str | None
    facts: Facts
    weight: int = 0


class Valid(NamedTuple):
    """A field with the validation bit that guards it."""

    bit: int
    name: str
    shown: Callable[[Any], str]


def fill(kind: type[Record], data: Buffer) -> bytes:
    """The bytes of the record, with zeros where older revisions end earlier."""
    return bytes(data[: kind.SIZE]).ljust(kind.SIZE, b"\0")


def valid_facts(record: Record, valid: int, fields: Iterable[Valid], there: int) -> Facts:
    """The fields whose bit is set in `valid` and that lie within the `there` bytes of the section."""
    ends = {field.name: field.end for field in record.FIELDS}
    return tuple(
        (field.name, field.shown(getattr(record, field.name)))
        for field in fields
        if valid >> field.bit & 1 and ends[field.name] <= there
    )


def hexed(value: int) -> str:
    """`0x1f`."""
    return f"{value:#x}"


def number(value: int) -> str:
    """Decimal."""
    return str(value)


def text(raw: Buffer) -> str:
    """An 8-bit text."""
    return text8(raw)


def named(names: Sequence[str]) -> Callable[[int], str]:
    """Shows a value by its name, or as a number where it has none."""
    return lambda value: names[value] if value < len(names) and names[value] else f"{value:#x}"


def bits(names: Sequence[tuple[int, str]]) -> Callable[[int], str]:
    """Shows the names of the bits (number, name) that are set; `none` where no named one is."""
    return lambda value: ", ".join(name for bit, name in names if value >> bit & 1) or "none"


def function_at(bus: int, device: int, function: int) -> str:
    """`01:00.0`, bus and device in hexadecimal as PCI tools write them."""
    return f"{bus:02x}:{device:02x}.{function}"


def requester(value: int) -> str:
    """The PCI function behind a 16-bit requester id."""
    return function_at(value >> 8 & 0xFF, value >> 3 & 0x1F, value & 7)


ERROR_TYPES = {
    1: "internal error",
    4: "storage error in memory",
    5: "storage error in a TLB",
    6: "storage error in a cache",
    7: "error in a functional unit",
    8: "self-test failed",
    9: "overflow or underflow of an internal queue",
    16: "error on the bus",
    17: "virtual address not found",
    18: "improper access",
    19: "access to an unmapped address",
    20: "loss of lockstep",
    21: "response without a request",
    22: "bus parity error",
    23: "bus protocol error",
    24: "bus path error",
    25: "bus time-out",
    26: "poisoned data read",
}
"""The error type of UEFI's generic error status."""


def error_status(value: int) -> str:
    """UEFI's generic error status: type in bits 8 to 15, what it concerns in bits 16 to 22."""
    kind = value >> 8 & 0xFF
    concerns = ("address", "control", "data", "detected by the responder", "by the requester", "first", "overflow")
    parts = [ERROR_TYPES.get(kind, f"error type {kind}")]
    parts += [words for bit, words in enumerate(concerns, 16) if value >> bit & 1]
    return ", ".join(parts)
