"""IRQL names and access kinds."""

from __future__ import annotations

import pytest

from smalldump.knowledge.catalog import all_bug_check_codes, canonical_code, listed_entry
from smalldump.knowledge.flags import Access, access, irql_name, wait_reason_name


@pytest.mark.parametrize(
    ("irql", "machine", "name"),
    [
        (0, "x64", "PASSIVE_LEVEL"),
        (1, "arm64", "APC_LEVEL"),
        (2, "x86", "DISPATCH_LEVEL"),
        (5, "x64", "device level"),
        (12, "x64", "SYNCH_LEVEL"),
        (13, "x64", "CLOCK_LEVEL"),
        (13, "x86", "device level"),
        (15, "arm64", "HIGH_LEVEL"),
        (15, "x64", "HIGH_LEVEL"),
        (28, "x86", "CLOCK_LEVEL"),
        (29, "x86", "IPI_LEVEL"),
        (31, "x86", "HIGH_LEVEL"),
        (16, "x64", None),
        (255, "x64", None),
        (32, "x86", None),
        (-1, "x86", None),
        (2, "ia64", None),
    ],
)
def test_irql_names(irql: int, machine: str, name: str | None) -> None:
    assert irql_name(irql, machine) == name


@pytest.mark.parametrize(
    ("code", "value", "kind"),
    [
        (0xA, 0, Access.READ),
        (0xA, 1, Access.WRITE),
        (0xA, 8, Access.EXECUTE),
        (0xA, 2, None),
        (0x50, 0, Access.READ),
        (0x50, 1, Access.WRITE),  # before Windows 10, and on Arm
        (0x50, 2, Access.WRITE),  # x86 and x64 since Windows 10
        (0x50, 8, Access.EXECUTE),
        (0x50, 0x10, Access.EXECUTE),
        (0xD1, 2, Access.EXECUTE),
        (0xD1, 8, Access.EXECUTE),
        (0x1E, 8, Access.EXECUTE),
        (0xD6, 1, Access.WRITE),
        (0xD6, 0xFFFFF80000000000, None),
    ],
)
def test_access(code: int, value: int, kind: Access | None) -> None:
    assert access(code, value) == kind


def test_every_access_parameter_of_the_catalog_reads_and_writes() -> None:
    codes = []
    for code in all_bug_check_codes():
        entry = listed_entry(code)
        assert entry is not None
        if any(parameter.kind == "access-type" for parameter in entry.parameters):
            codes.append(canonical_code(code))
    assert {0xA, 0x50, 0xD1} <= set(codes)
    assert all((access(code, 0), access(code, 1)) == (Access.READ, Access.WRITE) for code in codes)


@pytest.mark.parametrize(
    ("reason", "name"),
    [(0, "Executive"), (6, "UserRequest"), (15, "WrQueue"), (31, "WrDispatchInt"), (39, "WrPhysicalFault")],
)
def test_wait_reasons_go_by_the_numbers_of_wdm_h(reason: int, name: str) -> None:
    assert wait_reason_name(reason) == name


@pytest.mark.parametrize("reason", [-1, 40, 255])
def test_other_wait_reasons_have_no_name(reason: int) -> None:
    assert wait_reason_name(reason) is None
