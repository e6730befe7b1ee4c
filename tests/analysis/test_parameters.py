from __future__ import annotations

import pytest

from smalldump.analysis.parameters import read_unicode_string
from tests.analysis.machines import analysed, machine
from tests.synth import Block, x64_dump

KERNEL_PAGE = 0xFFFFC48F70000000


def decoded(*bug_check: int, **overrides: object) -> list[str | None]:
    return [p.decoded for p in analysed(x64_dump(bug_check=bug_check, **overrides)).parameters]


def test_a_page_fault_at_high_irql_is_told_by_address_level_and_access() -> None:
    driver = x64_dump().facts.drivers[5]
    found = decoded(0xA, 0x10, 2, 1, driver.base + 0x1500)
    assert found == ["null pointer + 0x10", "DISPATCH_LEVEL", "write", f"{driver.name.rpartition('.')[0]}+0x1500"]


def test_statuses_are_named_by_their_low_32_bits() -> None:
    assert decoded(0x7E, 0xFFFFFFFFC0000005, 0, 0, 0)[0] == "STATUS_ACCESS_VIOLATION"
    assert decoded(0x3B, 0xC000001D, 0, 0, 0)[0] == "STATUS_ILLEGAL_INSTRUCTION"


def test_the_number_of_a_subcode_gets_no_decimal_beside_it() -> None:
    analysis = analysed(x64_dump(bug_check=(0x1A, 0x41792, 0, 0, 0)))
    assert analysis.parameters[0].decoded is None
    assert analysis.subcode is not None
    assert "PTE" in analysis.subcode


def test_meanings_come_from_the_subcode() -> None:
    analysis = analysed(x64_dump(bug_check=(0x9F, 3, KERNEL_PAGE, 0, KERNEL_PAGE + 0x100)))
    assert analysis.subcode == "A device sat on a power IRP too long"
    assert [p.kind for p in analysis.parameters][1:] == [
        "pointer:device_object",
        "pointer:triage_9f_power",
        "pointer:irp",
    ]


def test_an_unknown_code_has_parameters_without_meaning() -> None:
    analysis = analysed(x64_dump(bug_check=(0xA0000001, 5, 0, 0, 0)))
    assert analysis.entry is None
    assert {p.meaning for p in analysis.parameters} == {"Not documented"}


def test_a_number_of_unknown_kind_is_an_address_only_where_something_lies_there() -> None:
    driver = x64_dump().facts.drivers[5]
    found = decoded(0xA0000001, 5, 0x8_51AF_68C0, driver.base + 0x10, 0x7FFE0320)
    assert found == [None, None, f"{driver.name.rpartition('.')[0]}+0x10", "KUSER_SHARED_DATA+0x320"]


def test_a_memory_address_in_user_mode_is_said_to_be_one_without_its_number() -> None:
    assert decoded(0x50, 0x7FFB_3B2A_2680, 0, 0, 0)[0] == "user mode"


def test_a_unicode_string_is_read_where_structure_and_text_are_in_the_dump() -> None:
    text = "evil.sys".encode("utf-16-le")
    head = len(text).to_bytes(2, "little") * 2 + bytes(4) + (KERNEL_PAGE + 0x40).to_bytes(8, "little")
    dump = x64_dump(bug_check=(0xD8, KERNEL_PAGE, 1, 2, 3), blocks=[Block(KERNEL_PAGE, head.ljust(0x40, b"\0") + text)])
    assert analysed(dump).parameters[0].decoded == '"evil.sys"'
    assert read_unicode_string(machine(dump), KERNEL_PAGE) == "evil.sys"


@pytest.mark.parametrize("size", [0, 1, 0xFFFF])
def test_a_damaged_unicode_string_is_no_text(size: int) -> None:
    head = size.to_bytes(2, "little") * 2 + bytes(4) + (KERNEL_PAGE + 0x40).to_bytes(8, "little")
    dump = x64_dump(bug_check=(0xD8, KERNEL_PAGE, 1, 2, 3), blocks=[Block(KERNEL_PAGE, head)])
    assert read_unicode_string(machine(dump), KERNEL_PAGE) is None
