"""Common Platform Error Records: what firmware and Windows (WHEA) say about failing hardware.

    WHEA_ERROR_RECORD_HEADER               signature `CPER`, count of sections, whole length   (0x80 bytes)
    WHEA_ERROR_RECORD_SECTION_DESCRIPTOR   one for each section: where, how long, what kind    (0x48 bytes)
    sections                               anywhere behind, at offsets from the record's start

Source: the published headers of EDK II and Linux, which follow appendix N of the UEFI specification.
"""

from __future__ import annotations

from smalldump.layout.record import Record, guid, raw, u8, u16, u32, u64, words

__all__ = [
    "RECORD_SIGNATURE",
    "ErrorPacketV2",
    "ErrorRecordHeader",
    "FirmwareRecordReference",
    "NmiErrorSection",
    "SectionDescriptor",
    "XpfMcaSection",
]

RECORD_SIGNATURE = b"CPER"
"""The first four bytes of a record; 0xFFFFFFFF follows at 0x06."""


class ErrorRecordHeader(Record, size=0x80):
    """`WHEA_ERROR_RECORD_HEADER`."""

    signature = raw(0x00, 4, "`CPER`")
    revision = u16(0x04, "major << 8 | minor")
    signature_end = u32(0x06, "0xFFFFFFFF")
    section_count = u16(0x0A)
    severity = u32(0x0C, "0 recoverable, 1 fatal, 2 corrected, 3 informational")
    valid_bits = u32(0x10, "1 platform id, 2 timestamp, 4 partition id")
    length = u32(0x14, "bytes of the whole record")
    timestamp = raw(0x18, 8, "second, minute, hour, 1 = precise, day, month, year, century; Windows: binary, else BCD")
    platform_id = guid(0x20)
    partition_id = guid(0x30)
    creator_id = guid(0x40)
    notify_type = guid(0x50)
    record_id = u64(0x60)
    flags = u32(0x68, "1 recovered, 2 previous error, 4 simulated")
    persistence_info = u64(0x6C)


class SectionDescriptor(Record, size=0x48):
    """`WHEA_ERROR_RECORD_SECTION_DESCRIPTOR`."""

    section_offset = u32(0x00, "from the start of the record")
    section_length = u32(0x04)
    revision = u16(0x08)
    valid_bits = u8(0x0A, "1 FRU id, 2 FRU text")
    flags = u32(0x0C, "1 primary, 2 containment warning, 4 reset, 8 threshold exceeded, …")
    section_type = guid(0x10)
    fru_id = guid(0x20, "field replaceable unit")
    section_severity = u32(0x30)
    fru_text = raw(0x34, 20)


class FirmwareRecordReference(Record, size=0x20):
    """Firmware Error Record Reference; revision 0 ends at 0x10."""

    record_type = u8(0x00, "0 IPF SAL, 1 SOC firmware, 2 SOC firmware by GUID")
    revision = u8(0x01)
    record_id = u64(0x08)
    record_guid = guid(0x10)


class XpfMcaSection(Record, size=0x128):
    """`WHEA_XPF_MCA_SECTION`: the registers of a machine-check bank, up to the arrays of further banks.

    Older versions end earlier: at 0x108 (version 1), 0x110, or 0x124. Behind 0x128 come, for as many slots as the
    section has room for, bank numbers (4 bytes each), statuses, addresses and miscellaneous values (8 bytes each).
    """

    version_number = u32(0x00)
    cpu_vendor = u32(0x04, "0 other, 1 Intel, 2 AMD")
    timestamp = u64(0x08)
    processor_number = u32(0x10)
    global_status = u64(0x14, "IA32_MCG_STATUS")
    instruction_pointer = u64(0x1C)
    bank_number = u32(0x24)
    status = u64(0x28, "IA32_MCi_STATUS")
    address = u64(0x30, "IA32_MCi_ADDR")
    misc = u64(0x38, "IA32_MCi_MISC")
    extended_register_count = u32(0x40)
    apic_id = u32(0x44)
    ipid = u64(0x48, "AMD: MCA_IPID; else the first extended register")
    synd = u64(0x50, "AMD: MCA_SYND")
    config = u64(0x58, "AMD: MCA_CONFIG")
    extended_registers = words(0x60, 21, "Q", "the other ones")
    global_capability = u64(0x108, "IA32_MCG_CAP")
    recovery_info = raw(0x110, 0x14)
    ex_bank_count = u32(0x124, "further banks with errors")


class NmiErrorSection(Record, size=0x0C):
    """`WHEA_NMI_ERROR_SECTION`."""

    nmi_data = raw(0x00, 8, "what the ports 0x61 and 0x92 said, in vendors' forms")
    flags = u32(0x08, "1 hypervisor error")


class ErrorPacketV2(Record, size=0x50):
    """`WHEA_ERROR_PACKET_V2`: what the low-level handler gave to Windows, as Windows 7 and later keep it."""

    signature = raw(0x00, 4, "`WHEA`")
    version = u32(0x04)
    length = u32(0x08)
    flags = u32(0x0C, "1 previous error, 4 hypervisor error, 8 simulated, 0x10 platform PFA control")
    error_type = u32(0x10, "0 processor, 1 memory, 2 PCI Express, 3 NMI, 4 PCI-X bus, 5 PCI-X device, 6 generic")
    error_severity = u32(0x14)
    error_source_id = u32(0x18)
    error_source_type = u32(0x1C, "as parameter 1 of bug check 0x124")
    notify_type = guid(0x20)
    context = u64(0x30)
    data_format = u32(0x38, "0 SAL, 1 MCA, 2 memory, 3 PCI Express, 4 NMI, 5 PCI-X bus, 6 PCI-X device, 7 generic")
    data_offset = u32(0x40)
    data_length = u32(0x44)
    pshed_data_offset = u32(0x48)
    pshed_data_length = u32(0x4C)
