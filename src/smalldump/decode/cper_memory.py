"""Sections of error records about memory, both revisions.

Source: the published headers of EDK II and Linux, which follow appendix N.2 of the UEFI specification.
"""

from __future__ import annotations

from smalldump.decode.cper_values import Meaning, Valid, error_status, fill, hexed, named, number, valid_facts
from smalldump.layout.cper_units import MemoryError1, MemoryError2
from smalldump.layout.record import Buffer

__all__ = ["decode_memory", "decode_memory_2"]

_TYPES = (
    *("unknown error", "no error", "single-bit ECC error", "multi-bit ECC error", "single-symbol chipkill ECC error"),
    *("multi-symbol chipkill ECC error", "master abort", "target abort", "parity error", "watchdog time-out"),
    *("invalid address", "mirror broken", "memory sparing", "scrub corrected error", "scrub uncorrected error"),
    "physical memory map-out event",
)
_ADDRESSES = (
    Valid(0, "error_status", error_status),
    Valid(1, "physical_address", hexed),
    Valid(2, "physical_address_mask", hexed),
    *(Valid(3, "node", number), Valid(4, "card", number), Valid(5, "module", number), Valid(6, "bank", number)),
    *(Valid(7, "device", number), Valid(8, "row", number), Valid(9, "column", number)),
)
_FIRST = (
    *_ADDRESSES,
    *(Valid(10, "bit_position", number), Valid(11, "requester_id", hexed), Valid(12, "responder_id", hexed)),
    *(Valid(13, "target_id", hexed), Valid(14, "error_type", named(_TYPES)), Valid(15, "rank_number", number)),
    *(Valid(16, "card_handle", hexed), Valid(17, "module_handle", hexed)),
)
_SECOND = (
    *_ADDRESSES,
    *(Valid(10, "rank_number", number), Valid(11, "bit_position", number), Valid(12, "chip_id", number)),
    *(Valid(13, "error_type", named(_TYPES)), Valid(14, "status", hexed), Valid(15, "requester_id", hexed)),
    *(Valid(16, "responder_id", hexed), Valid(17, "target_id", hexed)),
    *(Valid(18, "card_handle", hexed), Valid(19, "module_handle", hexed)),
)


def decode_memory(data: Buffer) -> Meaning:
    """Memory Error Section; up to UEFI 2.2 without rank and handles."""
    return _memory(MemoryError1(fill(MemoryError1, data)), _FIRST, len(data))


def decode_memory_2(data: Buffer) -> Meaning:
    """Memory Error Section 2."""
    return _memory(MemoryError2(fill(MemoryError2, data)), _SECOND, len(data))


def _memory(record: MemoryError1 | MemoryError2, fields: tuple[Valid, ...], there: int) -> Meaning:
    facts = valid_facts(record, record.valid_bits, fields, there)
    known = dict(facts)
    where = [f"{name} {known[name]}" for name in ("node", "card", "module", "bank") if name in known]
    if "physical_address" in known:
        where.append(f"physical address {known['physical_address']}")
    what = known.get("error_type") or known.get("error_status") or "memory error"
    words = f"{what} in memory" + (f" ({', '.join(where)})" if where else "")
    return Meaning("memory", words if facts else None, facts, 4)
