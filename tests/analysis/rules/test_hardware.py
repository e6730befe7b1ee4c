from __future__ import annotations

import struct

import pytest

from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.verdict import Verdict
from tests.analysis.rules.cases import says, verdict
from tests.synth.error_records import DMAR, MCA, MEMORY, PCIE, Section, mca_body, pcie_body, record

AT = 0xFFFFC48F70000000


def with_record(*sections: Section, source: int = 0) -> Verdict:
    """The verdict on a dump that holds a hardware error record with these sections."""
    return verdict(0x124, source, AT, memory={AT: record(*sections)}, file="wobblefs.sys")


@pytest.mark.parametrize("code", [0x124, 0x80, 0x9C, 0x12B, 0x2E])
def test_the_hardware_itself(code: int) -> None:
    found = verdict(code, file="wobblefs.sys")
    assert (found.culprit, found.kind, found.evidence) == (None, CulpritKind.HARDWARE, ())


def test_the_source_of_the_error_is_named_and_its_record_missed() -> None:
    found = verdict(0x124, 4, 0xFFFFC48F70000000)
    assert "Uncorrectable PCI Express error" in found.summary
    assert says(found.limits, "hardware error record")
    assert says(found.next_steps, "expansion cards")


def test_the_hypervisor_is_no_driver() -> None:
    found = verdict(0x20001, file="wobblefs.sys")
    assert (found.culprit, found.kind, found.confidence) == (None, CulpritKind.UNDECIDED, Confidence.NONE)
    assert says(found.limits, "hypervisor")


def test_a_bank_of_a_processor() -> None:
    found = with_record(Section(MCA, mca_body(0xBE00000000800400, address=0x1234000)))
    assert (found.kind, found.confidence) == (CulpritKind.HARDWARE, Confidence.HIGH)
    assert found.summary == (
        "The hardware reported an error of the processor: uncorrected machine check in bank 5: internal timer error: "
        "the processor made no progress for too long (processor 3, address 0x1234000)."
    )
    assert says(found.next_steps, "overclocking")
    assert says(found.next_steps, "the processor or its mainboard")


def test_a_module_of_the_memory() -> None:
    body = struct.pack("<QQQQHHHH", 0x403A, 0, 0x3F7A41000, 0, 0, 1, 2, 3).ljust(0x48, b"\0") + b"\3" + bytes(7)
    found = with_record(Section(MEMORY, body), source=13)
    assert found.confidence is Confidence.HIGH
    assert "the memory: multi-bit ECC error in memory (node 0, card 1, module 2" in found.summary
    assert "physical address 0x3f7a41000" in found.summary
    assert found.next_steps[0].startswith("Reseat the memory module at node 0, card 1, module 2,")
    labelled = with_record(Section(MEMORY, body, fru="DIMM_A2"))
    assert labelled.next_steps[0].startswith("Reseat the memory module DIMM_A2,")
    assert "labelled DIMM_A2" in labelled.summary


def test_a_device_on_pci_express() -> None:
    found = with_record(Section(PCIE, pcie_body()), source=4)
    assert found.confidence is Confidence.MEDIUM
    assert "PCI Express: completion time-out, reported by root port at 00:1c.4 (8086:1c18)" in found.summary
    assert found.summary.endswith("caused by the device at 02:00.0).")
    assert "the device at 02:00.0 and its cables" in found.next_steps[0]
    assert says(found.next_steps, "PCI bus 2, device 0, function 0")


def test_dma_that_was_refused() -> None:
    body = struct.pack("<HHBBBB", 0x0310, 0, 6, 1, 0, 1).ljust(0x80, b"\0")
    found = with_record(Section(DMAR, body))
    assert "the remapping of DMA: DMA" in found.summary
    assert says(found.next_steps, "the device at 03:02.0, which touched memory")


def test_corrected_errors_are_less_sure() -> None:
    section = Section(MCA, mca_body(0x9C00000000800400))
    found = verdict(0x124, 1, AT, memory={AT: record(section, severity=2)})
    assert (found.kind, found.confidence) == (CulpritKind.HARDWARE, Confidence.MEDIUM)


def test_status_in_the_parameters() -> None:
    found = verdict(0x124, 0, AT, 0xBE000000, 0x00800400)
    assert found.confidence is Confidence.HIGH
    assert "the processor: uncorrected machine check: internal timer error" in found.summary
    assert says(found.limits, "which tells more of the unit, is not in the dump")
    assert "in bank 4: internal parity error" in verdict(0x9C, 4, 0, 0xB2000000, 5).summary
    assert says(verdict(0x9C, 4).limits, "no valid machine-check status")


def test_a_record_that_is_none_is_said_to_be() -> None:
    found = verdict(0x124, 4, AT, memory={AT: bytes(0x200)})
    assert says(found.limits, "No WHEA_ERROR_RECORD")
    assert found.confidence is Confidence.MEDIUM


def test_the_page_that_was_corrupted() -> None:
    assert "(page frame 0x8a3b1)" in verdict(0x12B, AT, 0x8A3B1).summary
