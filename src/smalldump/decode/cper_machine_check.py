"""Microsoft's sections of error records: machine-check banks, NMI, what the low-level handler gave to Windows.

Source: public ntddk.h documentation of WHEA_XPF_MCA_SECTION, WHEA_NMI_ERROR_SECTION, WHEA_ERROR_PACKET_V2.
"""

from __future__ import annotations

from smalldump.decode.amd_banks import AmdBank, amd_bank, extended_error
from smalldump.decode.cper_values import Facts, Meaning, fill, hexed, named
from smalldump.decode.machine_check import CpuVendor, MachineCheckStatus, global_status, machine_check_status
from smalldump.layout.cper import ErrorPacketV2, FirmwareRecordReference, NmiErrorSection, XpfMcaSection
from smalldump.layout.record import Buffer

__all__ = [
    "SOURCES",
    "bank_words",
    "decode_error_packet",
    "decode_firmware",
    "decode_mca",
    "decode_nmi",
    "status_facts",
]

SOURCES = (
    *("machine check exception", "corrected machine check", "corrected platform error", "NMI", "PCI Express"),
    *("generic", "INIT", "boot error", "generic over SCI", "Itanium machine check abort"),
    *("Itanium corrected machine check", "Itanium corrected platform error", "generic v2", "generic v2 over SCI"),
    *("baseboard management controller", "persistent memory", "device driver", "ARM synchronous external abort"),
    "ARM SError interrupt",
)
"""`WHEA_ERROR_SOURCE_TYPE`, which is also parameter 1 of bug check 0x124."""

_VENDORS = {1: CpuVendor.INTEL, 2: CpuVendor.AMD}
_EXTRA_AT = 0x128
_EXTRA_BYTES = 4 + 3 * 8


def decode_mca(data: Buffer) -> Meaning:
    """`WHEA_XPF_MCA_SECTION`, any version; further banks as far as the section has room."""
    record = XpfMcaSection(fill(XpfMcaSection, data))
    vendor = _VENDORS.get(record.cpu_vendor, CpuVendor.OTHER)
    status = machine_check_status(record.status, vendor)
    bank = amd_bank(record.ipid) if vendor is CpuVendor.AMD else None
    words = bank_words(status, record.bank_number, bank)
    facts = (
        ("cpu_vendor", vendor.name.lower()),
        ("processor_number", str(record.processor_number)),
        ("apic_id", str(record.apic_id)),
        ("bank_number", str(record.bank_number)),
        *status_facts(status),
        *((("address", hexed(record.address)),) if status.address_valid else ()),
        *((("misc", hexed(record.misc)),) if status.misc_valid else ()),
        ("global_status", ", ".join(global_status(record.global_status)) or "none"),
        *((("instruction_pointer", hexed(record.instruction_pointer)),) if record.global_status & 2 else ()),
        *_amd_facts(record, bank, status),
        *_further_banks(record, data, vendor),
    )
    return Meaning(_unit(status, bank), words, facts, 6)


def status_facts(status: MachineCheckStatus) -> Facts:
    """A status word as facts."""
    return (
        ("status", f"{status.value:#018x}"),
        ("severity", status.severity),
        ("flags", ", ".join(status.flags) or "none"),
        ("error_code", status.code.words),
        *((("mnemonic", status.code.mnemonic),) if status.code.mnemonic else ()),
        ("model_specific_code", hexed(status.model_code)),
        *((("corrected_count", str(status.corrected_count)),) if status.corrected_count else ()),
    )


def bank_words(status: MachineCheckStatus, number: int | None, bank: AmdBank | None = None) -> str:
    """`uncorrected machine check in bank 5 (load-store unit): …`; bank and unit only where they are known."""
    what = f"{status.severity} machine check"
    if number is not None:
        what += f" in bank {number}"
    if bank is None:
        return f"{what}: {status.code.words}"
    return f"{what} ({bank.name}): {extended_error(bank, status.value)}; {status.code.words}"


def _unit(status: MachineCheckStatus, bank: AmdBank | None) -> str:
    if bank is not None:
        return bank.unit
    return "memory" if status.code.kind == "memory_controller" else "processor"


def _amd_facts(record: XpfMcaSection, bank: AmdBank | None, status: MachineCheckStatus) -> Facts:
    if record.cpu_vendor != CpuVendor.AMD or not record.ipid:
        return ()
    known = () if bank is None else (("bank_unit", bank.name), ("extended_error", extended_error(bank, status.value)))
    return (("ipid", f"{record.ipid:#018x}"), *known, ("syndrome", f"{record.synd:#018x}"))


def _further_banks(record: XpfMcaSection, data: Buffer, vendor: CpuVendor) -> Facts:
    """Banks behind the first one; four arrays, as long as the section has room for (32 slots in version 4)."""
    slots = max(len(data) - _EXTRA_AT, 0) // _EXTRA_BYTES
    facts = []
    for index in range(min(record.ex_bank_count, slots)):
        number = int.from_bytes(data[_EXTRA_AT + 4 * index :][:4], "little")
        value = int.from_bytes(data[_EXTRA_AT + 4 * slots + 8 * index :][:8], "little")
        facts.append((f"further_{index}", bank_words(machine_check_status(value, vendor), number)))
    return tuple(facts)


def decode_nmi(data: Buffer) -> Meaning:
    """`WHEA_NMI_ERROR_SECTION`."""
    record = NmiErrorSection(fill(NmiErrorSection, data))
    facts = (("nmi_data", record.nmi_data.hex()), ("hypervisor_error", "yes" if record.flags & 1 else "no"))
    return Meaning("platform", "non-maskable interrupt", facts, 2)


_ERROR_TYPES = (
    "processor",
    "memory",
    "PCI Express",
    "NMI",
    "PCI-X bus",
    "PCI-X device",
    "generic",
    "persistent memory",
)
_PACKET_FLAGS = ((0, "previous error"), (2, "hypervisor error"), (3, "simulated"), (4, "platform PFA control"))


def decode_error_packet(data: Buffer) -> Meaning:
    """`WHEA_ERROR_PACKET_V2`; the form of Vista (version 1) is not read."""
    record = ErrorPacketV2(fill(ErrorPacketV2, data))
    if record.signature != b"WHEA":
        return Meaning("unknown", None, (("signature", record.signature.hex()),))
    facts = (
        ("version", str(record.version)),
        ("error_type", named(_ERROR_TYPES)(record.error_type)),
        ("error_source_type", named(SOURCES)(record.error_source_type)),
        ("flags", ", ".join(words for bit, words in _PACKET_FLAGS if record.flags >> bit & 1) or "none"),
    )
    return Meaning("unknown", None, facts)


def decode_firmware(data: Buffer) -> Meaning:
    """Firmware Error Record Reference."""
    record = FirmwareRecordReference(fill(FirmwareRecordReference, data))
    kinds = ("IPF SAL record", "SOC firmware record", "SOC firmware record by GUID")
    facts = [("record_type", named(kinds)(record.record_type)), ("record_id", hexed(record.record_id))]
    if record.revision and len(data) >= FirmwareRecordReference.SIZE:
        facts.append(("record_guid", record.record_guid))
    return Meaning("firmware", "the firmware holds a record of its own", tuple(facts), 1)
