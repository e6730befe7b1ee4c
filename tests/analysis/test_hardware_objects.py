"""Hardware error records behind bug checks, in dumps that hold them and dumps that do not."""

from __future__ import annotations

import pytest

from smalldump.analysis.hardware_objects import machine_check_facts, read_error_record, read_machine_check
from smalldump.analysis.objects import Scene
from tests.analysis.machines import machine
from tests.synth.error_records import MCA, PCIE, Section, mca_body, pcie_body, record
from tests.synth.parts import Block
from tests.synth.presets import x64_dump

AT = 0xFFFFC48F70000000
DATA = record(Section(PCIE, pcie_body(), fru="SLOT5"), Section(MCA, mca_body(0xBE00000000800400)))


def test_the_record_is_read_where_the_dump_holds_it() -> None:
    dump = x64_dump(bug_check=(0x124, 4, AT, 0, 0), blocks=(Block(AT, DATA),))
    found = read_error_record(Scene(machine(dump)), AT)
    assert found
    assert dict(found.facts)["record_id"] == "01cdc0c21e2fc73d"
    assert [dict(child.facts)["section"] for child in found.children] == ["PCI Express", "x86/x64 MCA"]
    assert found.children[0].address == AT + 0x80 + 2 * 0x48
    assert dict(found.children[0].facts)["fru_text"] == "SLOT5"
    assert dict(found.facts)["error"].startswith("uncorrected machine check in bank 5: internal timer error")
    assert found.missing is None


def test_half_a_record_is_read_as_far_as_it_goes() -> None:
    dump = x64_dump(bug_check=(0x124, 4, AT, 0, 0), blocks=(Block(AT, DATA[:0x150]),))
    found = read_error_record(Scene(machine(dump)), AT)
    assert found
    assert found.missing
    assert f"only {0x150} of the record's {len(DATA)} bytes are there" in found.missing
    assert found.children[0].missing


def test_something_else_at_the_address() -> None:
    dump = x64_dump(bug_check=(0x124, 4, AT, 0, 0), blocks=(Block(AT, bytes(0x200)),))
    found = read_error_record(Scene(machine(dump)), AT)
    assert found
    assert found.missing
    assert "No WHEA_ERROR_RECORD" in found.missing


def test_without_the_record_the_parameters_speak() -> None:
    dump = x64_dump(bug_check=(0x124, 0, AT, 0xBE000000, 0x00800400))
    found = read_error_record(Scene(machine(dump)), AT)
    assert found
    assert found.missing == f"The WHEA_ERROR_RECORD at {AT:#x} is not in the dump."
    assert dict(found.facts)["error"].startswith("uncorrected machine check: internal timer error")


def test_machine_check_exception_names_the_bank() -> None:
    found = read_machine_check(Scene(machine(x64_dump(bug_check=(0x9C, 4, AT, 0xB2000000, 5)))), AT)
    assert found
    assert dict(found.facts)["error"] == "uncorrected machine check in bank 4: internal parity error"


@pytest.mark.parametrize("stop", [(0x9C, 4, AT, 0, 0), (0x124, 4, AT, 0xBE000000, 5), (0xD1, 0, 0, 0xBE000000, 5)])
def test_parameters_that_hold_no_status(stop: tuple[int, ...]) -> None:
    assert tuple(machine_check_facts(machine(x64_dump(bug_check=stop)))) == ()
