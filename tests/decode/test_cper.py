"""Hardware error records: header, descriptors, and bytes that are not what they say."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.decode.cper import SECTION_LIMIT, decode_error_record
from smalldump.errors import FormatError, SmallDumpError, Truncated
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

PCIE_NOTIFY = "cf93c01f-1a16-4dfc-b8bc-9c4daf67c104"
UNKNOWN = "390f56d5-ca86-4649-95c4-73a408ae5834"
INTERNAL_TIMER = 0xBE00000000800400


def test_a_record_like_the_posted_one() -> None:
    """Facts of http://www.sevenforums.com/crash-lockup-debug-how/274565-stop-0x124-troubleshooting-new-method.html."""
    data = record(Section(PCIE, pcie_body(), flags=1), Section(UNKNOWN, bytes(192)), notify=PCIE_NOTIFY)
    found = decode_error_record(data)
    assert (found.severity, found.creator, found.notify_type) == ("fatal", "Microsoft", "PCI Express error (PCIe)")
    assert found.length == 672
    assert (found.record_id, found.time) == (0x01CDC0C21E2FC73D, "2012-11-12T10:45:50")
    assert found.problems == ()


def test_offsets_of_the_documented_example() -> None:
    """https://learn.microsoft.com/windows-hardware/drivers/debugger/-errrec: three sections, the first at 344."""
    generic = Section("9876ccad-47b4-4bdb-b65e-16f193c4f3db", bytes(192), flags=1)
    found = decode_error_record(record(generic, Section(UNKNOWN, bytes(658)), Section(MCA, mca_body(INTERNAL_TIMER))))
    first, second, _ = found.sections
    assert (first.name, first.offset, first.size, first.primary) == ("Processor Generic", 344, 192, True)
    assert (first.meaning.words, first.meaning.facts) == (None, ())  # "No valid data fields are present."
    assert (second.name, second.offset, second.size) == (f"{{{UNKNOWN}}}", 536, 658)


def test_unknown_sections_are_shown() -> None:
    (section,) = decode_error_record(record(Section(UNKNOWN, bytes(range(40))))).sections
    assert section.meaning.facts == (("first_bytes", "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"),)
    assert (section.size, section.meaning.unit) == (40, "unknown")


def test_the_most_telling_section_speaks() -> None:
    found = decode_error_record(record(Section(MEMORY, bytes(80)), Section(MCA, mca_body(INTERNAL_TIMER))))
    assert found.unit == "processor"
    assert found.words
    assert found.words.startswith("uncorrected machine check in bank 5: internal timer error")


def test_times_of_firmware_are_bcd() -> None:
    time = bytes((0x59, 0x30, 0x23, 1, 0x31, 0x12, 0x24, 0x20))
    assert decode_error_record(record(time=time)).time == "2024-12-31T23:30:59"
    assert decode_error_record(record(time=b"\xff" * 8)).time is None


def test_text_of_the_unit() -> None:
    (section,) = decode_error_record(record(Section(MEMORY, bytes(80), fru="DIMM_A2"))).sections
    assert section.fru_text == "DIMM_A2"


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(FormatError, match="no WHEA_ERROR_RECORD"):
        decode_error_record(bytes(0x200))
    with pytest.raises(Truncated):
        decode_error_record(b"CPER")


def test_more_sections_than_there_are() -> None:
    data = bytearray(record(Section(MCA, mca_body(INTERNAL_TIMER))))
    struct.pack_into("<H", data, 0x0A, 0xFFFF)
    found = decode_error_record(data)
    assert len(found.sections) < SECTION_LIMIT
    assert any("65535 sections are announced" in problem for problem in found.problems)
    assert any("not there" in problem for problem in found.problems)


@pytest.mark.parametrize(("offset", "size"), [(0xFFFFFFFF, 0x110), (0x90, 0xFFFFFFFF), (0, 0), (0x1000, 8)])
def test_sections_that_point_elsewhere(offset: int, size: int) -> None:
    data = bytearray(record(Section(MCA, mca_body(INTERNAL_TIMER))))
    struct.pack_into("<II", data, 0x80, offset, size)
    (section,) = decode_error_record(data).sections
    assert bool(section.problem) == (size > 0)


KINDS = (ARM, DMAR, IOMMU, MCA, MEMORY, MEMORY_2, PCIE, VTD, UNKNOWN, "dc3ea0b0-a144-4797-b95b-53fa242b6e1d")


@given(st.sampled_from(KINDS), st.binary(max_size=0x500))
def test_any_bytes_in_a_section(kind: str, body: bytes) -> None:
    (section,) = decode_error_record(record(Section(kind, body))).sections
    assert section.size == len(body)
    assert len(section.meaning.facts) < 600


@given(st.binary(max_size=0x400), st.integers(min_value=0, max_value=0x300))
def test_any_bytes_in_a_record(noise: bytes, at: int) -> None:
    data = bytearray(record(Section(PCIE, pcie_body()), Section(MCA, mca_body(INTERNAL_TIMER))))
    data[at : at + len(noise)] = noise
    try:
        assert len(decode_error_record(data).sections) <= SECTION_LIMIT
    except SmallDumpError:
        assert data[:4] != b"CPER" or len(data) < 0x80
