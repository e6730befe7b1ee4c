"""Sections of a Common Platform Error Record about processors, memory, PCI and DMA remapping.

Source: the published headers of EDK II and Linux, which follow appendix N.2 of the UEFI specification.
"""

from __future__ import annotations

from smalldump.layout.record import Record, guid, raw, u8, u16, u32, u64, words

__all__ = [
    "AerCapability",
    "ArmErrorInformation",
    "ArmProcessorError",
    "DmarGenericError",
    "IommuError",
    "MemoryError1",
    "MemoryError2",
    "PciBusError",
    "PciComponentError",
    "PcieError",
    "ProcessorGenericError",
    "VtdError",
    "XpfContextInformation",
    "XpfErrorInformation",
    "XpfProcessorError",
]


class ProcessorGenericError(Record, size=0xC0):
    """`WHEA_PROCESSOR_GENERIC_ERROR_SECTION`."""

    valid_bits = u64(0x00, "one bit for each field below, in their order")
    processor_type = u8(0x08)
    instruction_set = u8(0x09)
    error_type = u8(0x0A, "1 cache, 2 TLB, 4 bus, 8 micro-architectural")
    operation = u8(0x0B)
    flags = u8(0x0C, "1 restartable, 2 precise IP, 4 overflow, 8 corrected")
    level = u8(0x0D)
    cpu_version = u64(0x10, "CPUID leaf 1, EAX")
    cpu_brand_string = raw(0x18, 128)
    processor_id = u64(0x98, "APIC id")
    target_address = u64(0xA0)
    requester_id = u64(0xA8)
    responder_id = u64(0xB0)
    instruction_pointer = u64(0xB8)


class XpfProcessorError(Record, size=0x40):
    """`WHEA_XPF_PROCESSOR_ERROR_SECTION`: error informations, then contexts, follow."""

    valid_bits = u64(0x00, "1 APIC id, 2 CPUID; bits 2-7 error informations, bits 8-13 contexts")
    local_apic_id = u64(0x08)
    cpu_id = words(0x10, 12, "I", "EAX, EBX, ECX, EDX of CPUID leaf 1, 8 bytes between")


class XpfErrorInformation(Record, size=0x40):
    """`WHEA_XPF_PROCINFO`."""

    check_info_id = guid(0x00, "cache, TLB, bus or micro-architecture specific")
    valid_bits = u64(0x10, "1 check info, 2 target, 4 requester, 8 responder, 16 instruction pointer")
    check_info = u64(0x18)
    target_id = u64(0x20)
    requester_id = u64(0x28)
    responder_id = u64(0x30)
    instruction_pointer = u64(0x38)


class XpfContextInformation(Record, size=0x10):
    """`WHEA_XPF_CONTEXT_INFO`: the registers follow."""

    register_context_type = u16(0x00)
    register_data_size = u16(0x02, "bytes that follow")
    msr_address = u32(0x04)
    mm_register_address = u64(0x08)


class ArmProcessorError(Record, size=0x28):
    """ARM processor error section: error informations, contexts, vendor data follow."""

    valid_bits = u32(0x00, "1 MPIDR, 2 affinity level, 4 running state, 8 vendor data")
    error_info_count = u16(0x04)
    context_info_count = u16(0x06)
    section_length = u32(0x08)
    affinity_level = u8(0x0C)
    mpidr = u64(0x10)
    midr = u64(0x18)
    running_state = u32(0x20, "1 running")
    psci_state = u32(0x24)


class ArmErrorInformation(Record, size=0x20):
    """ARM processor error information."""

    version = u8(0x00)
    length = u8(0x01)
    valid_bits = u16(0x02, "1 multiple, 2 flags, 4 error information, 8 virtual address, 16 physical address")
    error_type = u8(0x04)
    multiple_error = u16(0x05)
    flags = u8(0x07, "1 first, 2 last, 4 propagated, 8 overflow")
    error_information = u64(0x08)
    virtual_address = u64(0x10)
    physical_address = u64(0x18)


class MemoryError1(Record, size=0x50):
    """`WHEA_MEMORY_ERROR_SECTION`; up to UEFI 2.2 it ends at 0x49."""

    valid_bits = u64(0x00, "one bit for each field below, in their order, the reserved one left out")
    error_status = u64(0x08)
    physical_address = u64(0x10)
    physical_address_mask = u64(0x18)
    node = u16(0x20)
    card = u16(0x22)
    module = u16(0x24)
    bank = u16(0x26)
    device = u16(0x28)
    row = u16(0x2A)
    column = u16(0x2C)
    bit_position = u16(0x2E)
    requester_id = u64(0x30)
    responder_id = u64(0x38)
    target_id = u64(0x40)
    error_type = u8(0x48)
    extended = u8(0x49)
    rank_number = u16(0x4A)
    card_handle = u16(0x4C, "SMBIOS")
    module_handle = u16(0x4E, "SMBIOS")


class MemoryError2(Record, size=0x60):
    """Platform Memory Error Section 2."""

    valid_bits = u64(0x00, "one bit for each field below, in their order")
    error_status = u64(0x08)
    physical_address = u64(0x10)
    physical_address_mask = u64(0x18)
    node = u16(0x20)
    card = u16(0x22)
    module = u16(0x24)
    bank = u16(0x26)
    device = u32(0x28)
    row = u32(0x2C)
    column = u32(0x30)
    rank_number = u32(0x34)
    bit_position = u32(0x38)
    chip_id = u8(0x3C)
    error_type = u8(0x3D)
    status = u8(0x3E)
    requester_id = u64(0x40)
    responder_id = u64(0x48)
    target_id = u64(0x50)
    card_handle = u32(0x58, "SMBIOS")
    module_handle = u32(0x5C, "SMBIOS")


class PcieError(Record, size=0xD0):
    """`WHEA_PCIEXPRESS_ERROR_SECTION`."""

    valid_bits = u64(
        0x00, "1 port type, 2 version, 4 command, 8 device id, 16 serial, 32 bridge, 64 capability, 128 AER"
    )
    port_type = u32(0x08)
    version = u32(0x0C, "major << 8 | minor, BCD")
    command = u16(0x10)
    status = u16(0x12)
    vendor_id = u16(0x18)
    device_id = u16(0x1A)
    class_code = raw(0x1C, 3, "programming interface, subclass, class")
    function = u8(0x1F)
    device = u8(0x20)
    segment = u16(0x21)
    bus = u8(0x23)
    secondary_bus = u8(0x24)
    slot = u16(0x25, "slot number << 3")
    serial_number = u64(0x28)
    bridge_secondary_status = u16(0x30)
    bridge_control = u16(0x32)
    express_capability = raw(0x34, 60)
    aer = raw(0x70, 96)


class AerCapability(Record, size=0x38):
    """Advanced Error Reporting extended capability."""

    header = u32(0x00)
    uncorrectable_status = u32(0x04)
    uncorrectable_mask = u32(0x08)
    uncorrectable_severity = u32(0x0C, "1 fatal")
    correctable_status = u32(0x10)
    correctable_mask = u32(0x14)
    control = u32(0x18, "low five bits: first error pointer")
    header_log = words(0x1C, 4, "I", "header of the packet with the error")
    root_command = u32(0x2C)
    root_status = u32(0x30)
    correctable_source = u16(0x34, "requester id: bus << 8 | device << 3 | function")
    uncorrectable_source = u16(0x36)


class PciBusError(Record, size=0x48):
    """`WHEA_PCIXBUS_ERROR_SECTION`."""

    valid_bits = u64(0x00, "one bit for each field below, in their order")
    error_status = u64(0x08)
    error_type = u16(0x10)
    bus_id = u16(0x12, "segment << 8 | bus")
    bus_address = u64(0x18)
    bus_data = u64(0x20)
    bus_command = u64(0x28)
    requester_id = u64(0x30)
    completer_id = u64(0x38)
    target_id = u64(0x40)


class PciComponentError(Record, size=0x28):
    """`WHEA_PCIXDEVICE_ERROR_SECTION`: pairs of registers follow."""

    valid_bits = u64(0x00, "1 error status, 2 id, 4 memory registers, 8 I/O registers, 16 register pairs")
    error_status = u64(0x08)
    vendor_id = u16(0x10)
    device_id = u16(0x12)
    class_code = raw(0x14, 3, "programming interface, subclass, class")
    function = u8(0x17)
    device = u8(0x18)
    bus = u8(0x19)
    segment = u8(0x1A)
    memory_number = u32(0x20)
    io_number = u32(0x24)


class DmarGenericError(Record, size=0x20):
    """DMAr Generic Error Section."""

    requester_id = u16(0x00, "bus << 8 | device << 3 | function")
    segment = u16(0x02)
    fault_reason = u8(0x04)
    access_type = u8(0x05, "0 read, 1 write")
    address_type = u8(0x06, "0 untranslated, 1 translation")
    architecture_type = u8(0x07, "1 VT-d, 2 IOMMU")
    device_address = u64(0x08)


class VtdError(Record, size=0x90):
    """Intel VT for Directed I/O specific DMAr Error Section."""

    version = u8(0x00)
    revision = u8(0x01)
    oem_id = raw(0x02, 6)
    capability = u64(0x08)
    extended_capability = u64(0x10)
    global_command = u32(0x18)
    global_status = u32(0x1C)
    fault_status = u32(0x20)
    fault_record = words(0x30, 2, "Q", "bits 12-63 address; 64-79 source id; 96-103 reason; 126 read")
    root_entry = words(0x40, 2, "Q")
    context_entry = words(0x50, 2, "Q")
    page_table_entries = words(0x60, 6, "Q", "levels 6 to 1")


class IommuError(Record, size=0x90):
    """IOMMU (AMD) specific DMAr Error Section."""

    revision = u8(0x00)
    control = u64(0x08)
    status = u64(0x10)
    event_log_entry = words(0x20, 2, "Q", "bits 0-15 device id; 60-63 event code; second word: address")
    device_table_entry = words(0x40, 4, "Q")
    page_table_entries = words(0x60, 6, "Q", "levels 6 to 1")
