"""The records: frozen, and what they derive."""

from __future__ import annotations

import pytest

from smalldump.model import Absent, BugCheck, Module, Registers, StackWindow
from smalldump.model.machine import ARM64, X64


def test_bit_28_is_not_part_of_the_code() -> None:
    check = BugCheck(0x1000007E, (1, 2, 3, 4))
    assert (check.code, check.stored_code) == (0x7E, 0x1000007E)
    assert BugCheck(0xA0000001, (5, 0, 0, 0)).code == 0xA0000001


def test_records_do_not_change() -> None:
    with pytest.raises(AttributeError):
        BugCheck(1, (0, 0, 0, 0)).stored_code = 2  # type: ignore[misc]


def test_registers_by_role() -> None:
    registers = Registers(X64, {"rip": 1, "rsp": 2}, "test")
    assert (registers.pc, registers.sp, registers.fp) == (1, 2, None)
    assert Registers(ARM64, {"pc": 1, "sp": 2, "fp": 3}, "test").fp == 3


def test_ranges_are_half_open() -> None:
    stack = StackWindow(0x1000, memoryview(bytes(0x20)), Absent.UNSUPPORTED)
    assert (0xFFF in stack, 0x1000 in stack, 0x101F in stack, 0x1020 in stack) == (False, True, True, False)
    assert stack.end == 0x1020
    assert Module("a", "a.sys", "a.sys", 0x1000, 0x20, 1, 1).end == 0x1020
