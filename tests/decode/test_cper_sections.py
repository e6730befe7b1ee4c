"""Sections of hardware error records, one kind after the other."""

from __future__ import annotations

import struct
import uuid

import pytest

from smalldump.decode.cper import decode_error_record
from smalldump.decode.cper_values import Meaning
from tests.synth.error_records import (
    ARM,
    DMAR,
    IOMMU,
    MCA,
    MEMORY,
    MEMORY_2,
    PCIE,
    VTD,
    Section,
    mca_body,
    pcie_body,
    record,
)

GENERIC = "9876ccad-47b4-4bdb-b65e-16f193c4f3db"
XPF = "dc3ea0b0-a144-4797-b95b-53fa242b6e1d"
CACHE_CHECK = "a55701f5-e3ef-43de-ac72-249b573fad2c"


def meaning(kind: str, body: bytes) -> Meaning:
    (section,) = decode_error_record(record(Section(kind, body))).sections
    return section.meaning


def test_pci_express() -> None:
    found = meaning(PCIE, pcie_body())
    facts = dict(found.facts)
    assert found.unit == "pcie"
    assert found.words == "completion time-out, reported by root port at 00:1c.4 (8086:1c18)"
    assert (facts["at"], facts["id"], facts["class_code"]) == ("00:1c.4", "8086:1c18", "0x060400")
    assert (facts["fatal_errors"], facts["first_error"]) == ("completion time-out", "completion time-out")
    assert (facts["uncorrectable_source"], facts["slot"], facts["version"]) == ("02:00.0", "5", "1.1")


def test_surprise_down_as_posted() -> None:
    """https://www.sysnative.com/forums/threads/pci-e-whea-errors-0x124.327/: the SD bit was set."""
    assert dict(meaning(PCIE, pcie_body(uncorrectable=0x20)).facts)["uncorrectable_errors"] == "surprise down"


def test_pci_express_without_valid_fields() -> None:
    assert meaning(PCIE, pcie_body(valid=0)) == Meaning("pcie", None, (), 5)
    assert "at" not in dict(meaning(PCIE, pcie_body()[:0x20]).facts)


def test_machine_check() -> None:
    found = meaning(MCA, mca_body(0xBE0000000000009F, address=0x1234000))
    facts = dict(found.facts)
    assert found.unit == "memory"
    assert (facts["bank_number"], facts["processor_number"], facts["apic_id"]) == ("5", "3", "6")
    assert (facts["address"], facts["misc"], facts["mnemonic"]) == ("0x1234000", "0x77", "RD_CHANNELx_ERR")
    assert facts["global_status"] == "machine check in progress"


def test_machine_check_of_zen() -> None:
    found = meaning(MCA, mca_body(0xBAA0000000090135, vendor=2, ipid=0x0010_00B0_0000_0000))
    assert found.words == (
        "uncorrected machine check in bank 5 (load-store unit): extended error 9; cache error, data, level 1, data read"
    )
    assert dict(found.facts)["syndrome"] == "0x0000000000000abc"


def test_further_banks() -> None:
    body = bytearray(mca_body(0xBE00000000800400, size=0x4A8))
    struct.pack_into("<II", body, 0x124, 1, 9)
    struct.pack_into("<Q", body, 0x1A8, 0xB200000000000005)
    assert dict(meaning(MCA, bytes(body)).facts)["further_0"] == (
        "uncorrected machine check in bank 9: internal parity error"
    )
    struct.pack_into("<I", body, 0x124, 0xFFFFFFFF)
    assert sum(name.startswith("further_") for name, _ in meaning(MCA, bytes(body)).facts) == 32


def test_memory() -> None:
    body = bytearray(80)
    struct.pack_into("<QQQ", body, 0, 0x4002 | 0x20, 0, 0x12345000)
    struct.pack_into("<H", body, 0x24, 2)
    body[0x48] = 3
    found = meaning(MEMORY, bytes(body))
    assert found.words == "multi-bit ECC error in memory (module 2, physical address 0x12345000)"
    body[1] |= 0x80  # the rank is said to be valid, but an old section ends before it
    assert "rank_number" in dict(meaning(MEMORY, bytes(body)).facts)
    assert "rank_number" not in dict(meaning(MEMORY, bytes(body[:73])).facts)


def test_memory_2() -> None:
    body = bytearray(0x60)
    struct.pack_into("<QQQ", body, 0, 0x2403, 0x400, 0x1000)
    struct.pack_into("<I", body, 0x34, 1)
    body[0x3D] = 2
    found = meaning(MEMORY_2, bytes(body))
    assert found.words == "single-bit ECC error in memory (physical address 0x1000)"
    assert dict(found.facts)["error_status"] == "storage error in memory"
    assert dict(found.facts)["rank_number"] == "1"


def test_processor_generic() -> None:
    body = bytearray(0xC0)
    struct.pack_into("<QBBBBBB", body, 0, 0x107, 0, 2, 1, 0, 0, 0)
    struct.pack_into("<Q", body, 0x98, 4)
    found = meaning(GENERIC, bytes(body))
    assert found.words == "cache error in processor 4"
    assert found.facts == (
        ("processor_type", "IA-32/x64"),
        ("instruction_set", "x64"),
        ("error_type", "cache"),
        ("processor_id", "4"),
    )


def xpf(infos: int, contexts: int) -> bytes:
    head = struct.pack("<QQ48x", 1 | infos << 2 | contexts << 8, 6)
    check = 0b111 | 1 << 4 | 1 << 16 | 3 << 18 | 1 << 22 | 1 << 26
    return head + uuid.UUID(CACHE_CHECK).bytes_le + struct.pack("<QQ32x", 1, check) + struct.pack("<HHIQ", 1, 8, 0, 0)


def test_xpf_processor() -> None:
    found = meaning(XPF, xpf(1, 1) + bytes(8))
    facts = dict(found.facts)
    assert found.words == "cache error in processor 6"
    assert facts["error_0.check"] == "data access, data read, level 1, uncorrected"
    assert facts["context_0"] == "MSRs, 8 bytes"


def test_xpf_processor_that_promises_more() -> None:
    assert "cut" in dict(meaning(XPF, xpf(63, 63)).facts)
    assert "cut" in dict(meaning(XPF, xpf(1, 63)).facts)


def test_arm_processor() -> None:
    body = struct.pack("<IHHIB3xQQII", 1, 1, 0, 0x48, 0, 0x80000100, 0x410FD0C0, 1, 0)
    body += struct.pack("<BBHBHBQQQ", 0, 32, 0x10, 0, 0, 0, 0, 0, 0x7000)
    found = meaning(ARM, body)
    assert found.words == "cache error in processor 0x80000100"
    assert dict(found.facts)["error_0.physical_address"] == "0x7000"


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (
            DMAR,
            struct.pack("<HHBBBBQ16x", 0x0310, 0, 5, 1, 0, 1, 0xDEAD000),
            "DMA write by device 03:02.0 refused: address out of space",
        ),
        (
            VTD,
            bytes(0x30) + struct.pack("<QQ", 0x1000, 1 << 62 | 0x0310) + bytes(0x50),
            "DMA read by device 03:02.0 refused by VT-d",
        ),
        (
            IOMMU,
            bytes(0x20) + struct.pack("<QQ", 2 << 60 | 0x0310, 0) + bytes(0x60),
            "DMA of device 03:02.0 refused by the IOMMU",
        ),
        (
            "c5753963-3b84-4095-bf78-eddad3f9c9dd",
            struct.pack("<QQHH4x48x", 6, 0, 1, 0x0003),
            "data parity error on the PCI bus (segment 0, bus 03)",
        ),
        (
            "eb5e4685-ca66-4769-b6a2-26068b001326",
            struct.pack("<QQHH3sBBBB5x8x", 2, 0, 0x10EC, 0x8168, b"\0\0\2", 0, 2, 3, 0),
            "error of a PCI device at 03:02.0 (10ec:8168)",
        ),
        ("e71254e7-c1b9-4940-ab76-909703a4320f", bytes(12), "non-maskable interrupt"),
    ],
)
def test_other_sections(kind: str, body: bytes, words: str) -> None:
    assert meaning(kind, body).words == words


def test_error_packet() -> None:
    body = b"WHEA" + struct.pack("<7I", 3, 0x50, 8, 2, 1, 0, 4) + bytes(0x30)
    facts = dict(meaning("e71254e9-c1b9-4940-ab76-909703a4320f", body).facts)
    assert (facts["error_type"], facts["error_source_type"], facts["flags"]) == (
        "PCI Express",
        "PCI Express",
        "simulated",
    )


def test_firmware_reference() -> None:
    facts = dict(meaning("81212a96-09ed-4996-9471-8d729c8e69ed", struct.pack("<BB6xQ", 1, 0, 7)).facts)
    assert facts == {"record_type": "SOC firmware record", "record_id": "0x7"}
