"""Sections of error records about PCI Express, PCI and DMA remapping.

Source: the published headers of EDK II and Linux, which follow appendix N.2 of the UEFI specification.
"""

from __future__ import annotations

from smalldump.decode.cper_values import (
    Facts,
    Meaning,
    Valid,
    bits,
    error_status,
    fill,
    function_at,
    hexed,
    named,
    requester,
    valid_facts,
)
from smalldump.layout.cper_units import (
    AerCapability,
    DmarGenericError,
    IommuError,
    PciBusError,
    PciComponentError,
    PcieError,
    VtdError,
)
from smalldump.layout.record import Buffer

__all__ = [
    "decode_dmar_generic",
    "decode_iommu",
    "decode_pci_bus",
    "decode_pci_component",
    "decode_pcie",
    "decode_vtd",
]

_PORTS = {
    0: "endpoint",
    1: "legacy endpoint",
    4: "root port",
    5: "upstream switch port",
    6: "downstream switch port",
    7: "PCIe to PCI/PCI-X bridge",
    8: "PCI/PCI-X to PCIe bridge",
    9: "root complex integrated endpoint",
    10: "root complex event collector",
}
_UNCORRECTABLE = (
    *((4, "data link protocol error"), (5, "surprise down"), (12, "poisoned TLP"), (13, "flow control protocol error")),
    *((14, "completion time-out"), (15, "completer abort"), (16, "unexpected completion"), (17, "receiver overflow")),
    *((18, "malformed TLP"), (19, "ECRC error"), (20, "unsupported request"), (21, "ACS violation")),
    *((22, "uncorrectable internal error"), (23, "MC blocked TLP"), (24, "AtomicOp egress blocked")),
    *((25, "TLP prefix blocked"), (26, "poisoned TLP egress blocked")),
)
_CORRECTABLE = (
    *((0, "receiver error"), (6, "bad TLP"), (7, "bad DLLP"), (8, "replay number rollover")),
    *((12, "replay timer time-out"), (13, "advisory non-fatal error"), (14, "corrected internal error")),
    (15, "header log overflow"),
)
_STATUS = (
    *((8, "master data parity error"), (11, "signalled target abort"), (12, "received target abort")),
    *((13, "received master abort"), (14, "signalled system error"), (15, "detected parity error")),
)


def decode_pcie(data: Buffer) -> Meaning:
    """PCI Express Error Section, with its AER capability."""
    record = PcieError(fill(PcieError, data))
    valid = _there(record.valid_bits, len(data))
    facts: list[tuple[str, str]] = []
    if valid & 1:
        facts.append(("port_type", _PORTS.get(record.port_type, hexed(record.port_type))))
    if valid & 2:
        facts.append(("version", f"{record.version >> 8 & 0xFF:x}.{record.version & 0xFF:x}"))
    if valid & 4:
        facts += [("command", hexed(record.command)), ("status", bits(_STATUS)(record.status))]
    if valid & 8:
        facts += _device_id(record)
    if valid & 0x10:
        facts.append(("serial_number", f"{record.serial_number:016x}"))
    if valid & 0x20:
        facts.append(("bridge_secondary_status", bits(_STATUS)(record.bridge_secondary_status)))
    aer = _aer(record.aer) if valid & 0x80 else ()
    return Meaning("pcie", _pcie_words(dict((*facts, *aer))), (*facts, *aer), 5)


_ENDS = ((0, 0x0C), (1, 0x10), (2, 0x14), (3, 0x28), (4, 0x30), (5, 0x34), (6, 0x70), (7, 0xA8))


def _there(valid: int, size: int) -> int:
    """Validation bits of a PCI Express section, without those of fields behind its end."""
    return sum(1 << bit for bit, end in _ENDS if valid >> bit & 1 and end <= size)


def _device_id(record: PcieError) -> Facts:
    place = function_at(record.bus, record.device, record.function)
    return (
        ("at", place if not record.segment else f"{record.segment:04x}:{place}"),
        ("id", f"{record.vendor_id:04x}:{record.device_id:04x}"),
        ("class_code", f"0x{record.class_code[::-1].hex()}"),
        ("secondary_bus", f"{record.secondary_bus:02x}"),
        ("slot", str(record.slot >> 3)),
    )


def _aer(data: Buffer) -> Facts:
    aer = AerCapability(data)
    facts = [
        ("uncorrectable_status", f"{aer.uncorrectable_status:#010x}"),
        ("uncorrectable_errors", bits(_UNCORRECTABLE)(aer.uncorrectable_status)),
        ("fatal_errors", bits(_UNCORRECTABLE)(aer.uncorrectable_status & aer.uncorrectable_severity)),
        ("correctable_status", f"{aer.correctable_status:#010x}"),
        ("correctable_errors", bits(_CORRECTABLE)(aer.correctable_status)),
    ]
    if aer.uncorrectable_status:
        facts.append(("first_error", dict(_UNCORRECTABLE).get(aer.control & 0x1F, f"bit {aer.control & 0x1F}")))
        facts.append(("header_log", " ".join(f"{word:08x}" for word in aer.header_log)))
    if aer.root_status & 1:
        facts.append(("correctable_source", requester(aer.correctable_source)))
    if aer.root_status & 4:
        facts.append(("uncorrectable_source", requester(aer.uncorrectable_source)))
    return tuple(facts)


def _pcie_words(known: dict[str, str]) -> str | None:
    if not known:
        return None
    errors = [known.get(name, "none") for name in ("uncorrectable_errors", "correctable_errors")]
    what = next((words for words in errors if words != "none"), "PCI Express error")
    where = f"{known.get('port_type', 'device')}"
    if "at" in known:
        where += f" at {known['at']} ({known['id']})"
    return f"{what}, reported by {where}"


_BUS = (
    Valid(0, "error_status", error_status),
    Valid(
        1,
        "error_type",
        named(
            (
                *("unknown", "data parity error", "system error", "master abort", "bus time-out"),
                *("master data parity error", "address parity error", "command parity error"),
            )
        ),
    ),
    Valid(2, "bus_id", lambda value: f"segment {value >> 8}, bus {value & 0xFF:02x}"),
    *(Valid(3, "bus_address", hexed), Valid(4, "bus_data", hexed), Valid(5, "bus_command", hexed)),
    *(Valid(6, "requester_id", hexed), Valid(7, "completer_id", hexed), Valid(8, "target_id", hexed)),
)


def decode_pci_bus(data: Buffer) -> Meaning:
    """PCI/PCI-X Bus Error Section."""
    record = PciBusError(fill(PciBusError, data))
    facts = valid_facts(record, record.valid_bits, _BUS, len(data))
    known = dict(facts)
    words = f"{known.get('error_type', 'error')} on the PCI bus"
    return Meaning("pci", f"{words} ({known['bus_id']})" if "bus_id" in known else words, facts, 4)


def decode_pci_component(data: Buffer) -> Meaning:
    """PCI/PCI-X Component Error Section, without its register pairs."""
    record = PciComponentError(fill(PciComponentError, data))
    valid = record.valid_bits if len(data) >= PciComponentError.SIZE else 0
    facts = [("error_status", error_status(record.error_status))] if valid & 1 else []
    words = "error of a PCI device"
    if valid & 2:
        at, identity = (
            function_at(record.bus, record.device, record.function),
            f"{record.vendor_id:04x}:{record.device_id:04x}",
        )
        facts += [("at", at), ("id", identity), ("class_code", f"0x{record.class_code[::-1].hex()}")]
        words += f" at {at} ({identity})"
    return Meaning("pci", words, tuple(facts), 4)


_REASONS = (
    *("", "table entry not present", "table entry invalid", "mapping table not accessible"),
    *("reserved bit set in the mapping table", "address out of space", "access not allowed", "invalid request"),
    *("translation table not accessible", "reserved bit set in the translation table", "invalid command"),
    "command buffer not accessible",
)


def decode_dmar_generic(data: Buffer) -> Meaning:
    """DMAr Generic Error Section: which device touched which address."""
    record = DmarGenericError(fill(DmarGenericError, data))
    facts = (
        ("at", requester(record.requester_id)),
        ("segment", str(record.segment)),
        ("fault_reason", named(_REASONS)(record.fault_reason)),
        ("access_type", named(("read", "write"))(record.access_type)),
        ("address_type", named(("untranslated", "translation request"))(record.address_type)),
        ("architecture_type", named(("", "VT-d", "AMD IOMMU"))(record.architecture_type)),
        ("device_address", hexed(record.device_address)),
    )
    known = dict(facts)
    words = f"DMA {known['access_type']} by device {known['at']} refused: {known['fault_reason']}"
    return Meaning("iommu", words, facts, 4)


def decode_vtd(data: Buffer) -> Meaning:
    """Intel VT for Directed I/O specific DMAr Error Section."""
    record = VtdError(fill(VtdError, data))
    low, high = record.fault_record
    facts = (
        ("at", requester(high & 0xFFFF)),
        ("fault_reason", hexed(high >> 32 & 0xFF)),
        ("access_type", "read" if high >> 62 & 1 else "write"),
        ("fault_address", hexed(low & ~0xFFF)),
        ("fault_status", hexed(record.fault_status)),
        ("global_status", hexed(record.global_status)),
    )
    words = f"DMA {dict(facts)['access_type']} by device {dict(facts)['at']} refused by VT-d"
    return Meaning("iommu", words, facts, 3)


def decode_iommu(data: Buffer) -> Meaning:
    """IOMMU (AMD) specific DMAr Error Section."""
    record = IommuError(fill(IommuError, data))
    event, address = record.event_log_entry
    facts = (
        ("at", requester(event & 0xFFFF)),
        ("event_code", hexed(event >> 60)),
        ("address", hexed(address)),
        ("status", hexed(record.status)),
        ("control", hexed(record.control)),
    )
    return Meaning("iommu", f"DMA of device {facts[0][1]} refused by the IOMMU", facts, 3)
