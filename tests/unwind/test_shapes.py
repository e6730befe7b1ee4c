"""Structures known by their shape."""

from __future__ import annotations

from typing import Any

import pytest

from smalldump.layout.context import ExceptionRecord64
from smalldump.model.machine import X64
from smalldump.unwind.shapes import exception_records, flags_fit, places, shapes_of
from smalldump.unwind.view import StackView
from tests.unwind.machines import NT, STACK, StoppedMachine, words64


def view(stack: bytes) -> StackView:
    machine = StoppedMachine(X64, STACK, stack, None)
    return StackView(machine, machine.window, STACK)


@pytest.mark.parametrize(
    ("flags", "fits"),
    [(0x246, True), (0x10202, True), (0x2, True), (0x244, False), (0x80000246, False), (0x20A, False)],
)
def test_bits_of_eflags_that_never_change(flags: int, fits: bool) -> None:
    assert flags_fit(flags) is fits


def test_places_are_aligned_and_masked() -> None:
    stack = view(words64(7, 0x1007, 0, 0, 7, 0x1007, 0, 7))
    assert places(stack, 8, 0xFFF, (7,)) == [STACK, STACK + 0x20, STACK + 0x30]
    assert places(stack, 8, 0xFFF, (7,), 8) == [STACK, STACK + 0x18, STACK + 0x20, STACK + 0x30]


def record(**changes: int) -> bytes:
    fields: dict[str, Any] = {
        "exception_code": 0xC0000005,
        "exception_flags": 0,
        "exception_record": 0,
        "exception_address": NT + 0x1234,
        "number_parameters": 2,
    }
    return bytes(ExceptionRecord64.build(**{**fields, **changes}))


def test_exception_records_are_found_at_any_word() -> None:
    found = list(exception_records(view(words64(0) + record()), ExceptionRecord64))
    assert found == [(STACK + 8, STACK + 8 + 0x98)]


@pytest.mark.parametrize(
    "changes",
    [
        {"exception_code": 0x40000005},
        {"exception_code": 0xE06D7363},
        {"exception_flags": 0x100},
        {"exception_record": STACK},
        {"exception_address": NT + 0x234},
        {"number_parameters": 16},
    ],
)
def test_what_only_resembles_an_exception_record_is_none(changes: dict[str, int]) -> None:
    assert list(exception_records(view(record(**changes)), ExceptionRecord64)) == []


def test_ranges_may_overlap() -> None:
    ranges = shapes_of((), [(16, 32), (24, 40)]).ranges
    assert [ranges.at(slot) for slot in (15, 16, 31, 39, 40)] == [None, True, True, True, None]
