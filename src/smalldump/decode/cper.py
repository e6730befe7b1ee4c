"""Common Platform Error Records (`WHEA_ERROR_RECORD`): header, sections, and what they say in one line.

Every count and offset is checked against the bytes that are there; sections of unknown kind are given by GUID, size and
first bytes.
Source: the published headers of EDK II and Linux, which follow appendix N of the UEFI specification.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from smalldump.decode.cper_machine_check import decode_error_packet, decode_firmware, decode_mca, decode_nmi
from smalldump.decode.cper_memory import decode_memory, decode_memory_2
from smalldump.decode.cper_pci import (
    decode_dmar_generic,
    decode_iommu,
    decode_pci_bus,
    decode_pci_component,
    decode_pcie,
    decode_vtd,
)
from smalldump.decode.cper_processor import decode_arm_processor, decode_processor_generic, decode_xpf_processor
from smalldump.decode.cper_values import Facts, Meaning, named
from smalldump.decode.values import text8
from smalldump.errors import FormatError
from smalldump.layout.cper import RECORD_SIGNATURE, ErrorRecordHeader, SectionDescriptor
from smalldump.layout.record import Buffer

__all__ = ["NOTIFY_TYPES", "SECTION_LIMIT", "ErrorRecord", "ErrorSection", "decode_error_record"]

SECTION_LIMIT = 64
"""Most sections that are decoded; records of Windows have up to seven."""
_SHOWN_BYTES = 16
_SIGNATURE_END = 0xFFFFFFFF


class ErrorSection(NamedTuple):
    """One section of a record.

    Attributes:
        name: In words; the GUID where the kind is not known.
        fru_text: Text of the field replaceable unit; None where it is not valid.
        problem: Why the section could not be read, or only in part.
    """

    guid: str
    name: str
    offset: int
    size: int
    severity: str
    primary: bool
    fru_text: str | None
    meaning: Meaning
    problem: str | None = None


class ErrorRecord(NamedTuple):
    """A whole record.

    Attributes:
        length: Bytes of the record by its header; fewer may be there.
        time: `2012-11-12T10:45:50`, of the clock that the writer used; None where it is not valid.
        unit: What failed, by the most telling section (see `Meaning.unit`).
        words: That section's sentence, or None where no section says one.
        problems: What contradicts the form, in words.
    """

    severity: str
    creator: str
    notify_type: str
    time: str | None
    record_id: int
    flags: int
    length: int
    sections: tuple[ErrorSection, ...]
    unit: str
    words: str | None
    problems: tuple[str, ...]

    @property
    def telling(self) -> ErrorSection | None:
        """The section that says most about what failed."""
        return max(
            (section for section in self.sections if section.meaning.words),
            key=lambda section: section.meaning.weight,
            default=None,
        )


_SEVERITIES = named(("recoverable", "fatal", "corrected", "informational"))
_CREATORS = {
    "cf07c4bd-b789-4e18-b3c4-1f732cb57131": "Microsoft",
    "57217c8d-5e66-44fb-8033-9b74cacedf5b": "device driver",
}
NOTIFY_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "2dce8bb1-bdd7-450e-b9ad-9cf4ebd4f890": "corrected machine check (CMC)",
        "4e292f96-d843-4a55-a8c2-d481f27ebeee": "corrected platform error (CPE)",
        "e8f56ffe-919c-4cc5-ba88-65abe14913bb": "machine check exception (MCE)",
        "cf93c01f-1a16-4dfc-b8bc-9c4daf67c104": "PCI Express error (PCIe)",
        "cc5263e8-9308-454a-89d0-340bd39bc98e": "INIT record",
        "5bad89ff-b7e6-42c9-814a-cf2485d6e98a": "non-maskable interrupt (NMI)",
        "3d61a466-ab40-409a-a698-f362d464b38f": "boot error (BOOT)",
        "667dd791-c6b3-4c27-8a6b-0f8e722deb41": "DMA remapping error (DMAr)",
        "9a78788a-bbe8-11e4-809e-67611e5d46b0": "ARM synchronous external abort (SEA)",
        "5c284c81-b0ae-4e87-a322-b04c85624323": "ARM SError interrupt (SEI)",
        "09a9d5ac-5204-4214-96e5-94992e752bcd": "ARM platform error interrupt (PEI)",
        "69293bc9-41df-49a3-b4bd-4fb0db3041f6": "Compute Express Link (CXL)",
        "3e62a467-ab40-409a-a698-f362d464b38f": "generic error",
        "e9d59197-94ee-4a4f-8ad8-9b7d8bd93d2e": "system control interrupt (SCI)",
        "fe84086e-b557-43cf-ac1b-17982e078470": "external interrupt",
        "0033f803-2e70-4e88-992c-6f26daf3db7a": "device driver",
        "919448b2-3739-4b7f-a8f1-e0062805c2a3": "corrected machine check interrupt (CMCI)",
        "487565ba-6494-4367-95ca-4eff893522f6": "baseboard management controller (BMC)",
    }
)
"""How the operating system learnt of the error, by GUID."""

_KINDS: Mapping[str, tuple[str, Callable[[Buffer], Meaning] | None]] = MappingProxyType(
    {
        "9876ccad-47b4-4bdb-b65e-16f193c4f3db": ("Processor Generic", decode_processor_generic),
        "dc3ea0b0-a144-4797-b95b-53fa242b6e1d": ("IA-32/x64 Processor Specific", decode_xpf_processor),
        "e19e3d16-bc11-11e4-9caa-c2051d5d46b0": ("ARM Processor", decode_arm_processor),
        "a5bc1114-6f64-4ede-b863-3e83ed7c83b1": ("Platform Memory", decode_memory),
        "61ec04fc-48e6-d813-25c9-8daa44750b12": ("Platform Memory 2", decode_memory_2),
        "d995e954-bbc1-430f-ad91-b44dcb3c6f35": ("PCI Express", decode_pcie),
        "c5753963-3b84-4095-bf78-eddad3f9c9dd": ("PCI/PCI-X Bus", decode_pci_bus),
        "eb5e4685-ca66-4769-b6a2-26068b001326": ("PCI Component/Device", decode_pci_component),
        "81212a96-09ed-4996-9471-8d729c8e69ed": ("Firmware Error Record Reference", decode_firmware),
        "5b51fef7-c79d-4434-8f1b-aa62de3e2c64": ("DMAr Generic", decode_dmar_generic),
        "71761d37-32b2-45cd-a7d0-b0fedd93e8cf": ("VT-d DMAr", decode_vtd),
        "036f84e1-7f37-428c-a79e-575fdfaa84ec": ("IOMMU DMAr", decode_iommu),
        "8a1e1d01-42f9-4557-9c33-565e5cc3f7e8": ("x86/x64 MCA", decode_mca),
        "e71254e7-c1b9-4940-ab76-909703a4320f": ("NMI", decode_nmi),
        "e71254e9-c1b9-4940-ab76-909703a4320f": ("Error Packet", decode_error_packet),
        "e429faf1-3cb7-11d4-bca7-0080c73c8881": ("IA-64 Processor", None),
        "91335ef6-ebfb-4478-a6a6-88b728cf75d7": ("CCIX PER Log", None),
        "80b9efb4-52b5-4de3-a777-68784b771048": ("CXL Protocol Error", None),
        "c34832a1-02c3-4c52-a9f1-9f1d5d7723fc": ("Recovery Information", None),
        "1c15b445-9b06-4667-ac25-33c056b88803": ("MSR Dump", None),
        "81687003-dbfd-4728-9ffd-f0904f97597d": ("Persistent Memory", None),
        "0e36c93e-ca15-4a83-ba8a-cbe80f7f0017": ("Correctable Memory Summary", None),
        "e96eca99-53e2-4f52-9be7-d2dbe9508ed0": ("Correctable PCIe Summary", None),
    }
)


def decode_error_record(data: Buffer) -> ErrorRecord:
    """The record at the start of `data`, as far as `data` goes.

    Raises:
        Truncated: Not even the header is there.
        FormatError: The signature is not `CPER`.
    """
    header = ErrorRecordHeader(data)
    if header.signature != RECORD_SIGNATURE:
        raise FormatError("this is no WHEA_ERROR_RECORD", offset=0, expected="`CPER`", found=header.signature.hex())
    problems = list(_problems(header, len(data)))
    sections = tuple(_sections(header, memoryview(data)[: max(header.length, ErrorRecordHeader.SIZE)], problems))
    record = ErrorRecord(
        severity=_SEVERITIES(header.severity),
        creator=_CREATORS.get(header.creator_id, header.creator_id),
        notify_type=NOTIFY_TYPES.get(header.notify_type, header.notify_type),
        time=_time(header.timestamp) if header.valid_bits & 2 else None,
        record_id=header.record_id,
        flags=header.flags,
        length=header.length,
        sections=sections,
        unit="unknown",
        words=None,
        problems=tuple(problems),
    )
    telling = record.telling
    return record._replace(unit=telling.meaning.unit, words=telling.meaning.words) if telling else record


def _problems(header: ErrorRecordHeader, there: int) -> list[str]:
    found = []
    if header.signature_end != _SIGNATURE_END:
        found.append(f"the signature's end is {header.signature_end:#x}, not 0xffffffff")
    if header.length > there:
        found.append(f"only {there} of the record's {header.length} bytes are there")
    if header.section_count > SECTION_LIMIT:
        found.append(f"{header.section_count} sections are announced; {SECTION_LIMIT} are read at most")
    return found


def _sections(header: ErrorRecordHeader, data: memoryview, problems: list[str]) -> list[ErrorSection]:
    found = []
    for index in range(min(header.section_count, SECTION_LIMIT)):
        at = ErrorRecordHeader.SIZE + index * SectionDescriptor.SIZE
        if at + SectionDescriptor.SIZE > len(data):
            problems.append(f"the descriptor of section {index} and those behind it are not there")
            break
        found.append(_section(SectionDescriptor(data, at), data))
    return found


def _section(descriptor: SectionDescriptor, data: memoryview) -> ErrorSection:
    guid, offset, size = descriptor.section_type, descriptor.section_offset, descriptor.section_length
    body = data[offset : offset + size]
    name, decode = _KINDS.get(guid, (f"{{{guid}}}", None))
    problem = None if len(body) == size else f"only {len(body)} of {size} bytes are there"
    meaning = decode(body) if decode and len(body) else Meaning("unknown", None, _first_bytes(body))
    return ErrorSection(
        guid,
        name,
        offset,
        size,
        _SEVERITIES(descriptor.section_severity),
        bool(descriptor.flags & 1),
        text8(descriptor.fru_text) if descriptor.valid_bits & 2 else None,
        meaning,
        problem,
    )


def _first_bytes(body: memoryview) -> Facts:
    return (("first_bytes", bytes(body[:_SHOWN_BYTES]).hex(" ")),) if len(body) else ()


def _time(raw: bytes) -> str | None:
    """Windows counts in binary (century 0x14), firmware in BCD (century 0x20), as the specification says."""
    parts = [_from_bcd(value) for value in raw] if raw[7] >= 0x19 else list(raw)
    second, minute, hour, _, day, month, year, century = parts
    if not (second < 60 and minute < 60 and hour < 24 and 1 <= day <= 31 and 1 <= month <= 12 and year < 100):
        return None
    return f"{century * 100 + year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"


def _from_bcd(value: int) -> int:
    return 10 * (value >> 4) + (value & 0xF)
