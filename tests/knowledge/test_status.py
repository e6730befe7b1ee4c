"""Names of NTSTATUS values and exception codes."""

from __future__ import annotations

import pytest

from smalldump.knowledge.status import exception_name, status_name
from smalldump.knowledge.table import table_path


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (0, "STATUS_SUCCESS"),
        (0x103, "STATUS_PENDING"),
        (0x80000003, "STATUS_BREAKPOINT"),
        (0xC0000005, "STATUS_ACCESS_VIOLATION"),
        (0xC000001D, "STATUS_ILLEGAL_INSTRUCTION"),
        (0xC0000185, "STATUS_IO_DEVICE_ERROR"),
        (0xC0000420, "STATUS_ASSERTION_FAILURE"),
        (0xC000009C, "STATUS_DEVICE_DATA_ERROR"),
    ],
)
def test_known_statuses_in_both_widths(value: int, name: str) -> None:
    assert status_name(value) == name
    assert status_name(0xFFFFFFFF00000000 | value) == name
    assert exception_name(value) == name


@pytest.mark.parametrize("value", [0xDEADBEEF, 0xFFFFFFFF, 0x4, 0xE06D7363])
def test_unknown_values_have_no_status_name(value: int) -> None:
    assert status_name(value) is None


def test_runtimes_have_exceptions_of_their_own() -> None:
    assert exception_name(0xE06D7363) == "EH_EXCEPTION_NUMBER"
    assert exception_name(0xFFFFFFFFE0434352) == "CLR_EXCEPTION"
    assert exception_name(0xDEADBEEF) is None


def test_every_line_of_the_table_is_found() -> None:
    lines = table_path("ntstatus.txt").read_text(encoding="ascii").splitlines()
    rows = [line.split(" ") for line in lines if not line.startswith("#")]
    assert len(rows) == 2702
    assert len({value for value, *_ in rows}) == len(rows)
    for value, name, *_ in rows:
        assert status_name(int(value, 16)) == name
