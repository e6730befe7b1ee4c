"""The stack as words."""

from __future__ import annotations

from smalldump.model.machine import X64, X86
from smalldump.unwind.view import LONGEST_WINDOW, StackView
from tests.unwind.machines import DISK, GONE, NT, STACK, STACK32, StoppedMachine, words64


def view(stack: bytes, start: int = STACK, low: int = 0) -> StackView:
    machine = StoppedMachine(X64, start, stack, None)
    return StackView(machine, machine.window, low)


def test_words_are_those_of_the_window() -> None:
    seen = view(words64(1, NT + 0x1234, 3))
    assert (seen.start, seen.end, seen.words) == (STACK, STACK + 24, (1, NT + 0x1234, 3))
    assert seen.word(STACK + 16) == 3
    assert seen.pointers == [(1, NT + 0x1234)]


def test_a_window_may_start_and_end_anywhere() -> None:
    seen = view(b"\xff" * 3 + words64(7, 8) + b"\xff" * 5, STACK - 3)
    assert (seen.start, seen.words) == (STACK, (7, 8))
    assert view(b"\xff" * 5, STACK - 3).words == ()


def test_a_view_starts_with_the_word_that_holds_the_lowest_address() -> None:
    assert view(words64(1, 2, 3), STACK, STACK + 12).words == (2, 3)


def test_words_of_x86_are_four_bytes() -> None:
    machine = StoppedMachine(X86, STACK32, bytes(range(8)), None)
    assert StackView(machine, machine.window, STACK32).words == (0x03020100, 0x07060504)


def test_what_is_not_there_is_none() -> None:
    seen = view(words64(1, 2))
    assert [seen.word(STACK - 8), seen.word(STACK + 16), seen.word(STACK + 4)] == [None, None, None]
    assert (seen.run(STACK, 2), seen.run(STACK, 3), seen.run(STACK - 8, 2)) == ((1, 2), (), ())


def test_headers_hold_no_code() -> None:
    seen = view(words64(0))
    assert [seen.holds_code(NT + rva) for rva in (0, 0xFFF, 0x1000, 0xFFFF, 0x10000)] == [
        False,
        False,
        True,
        True,
        False,
    ]


def test_owners_are_loaded_modules_first_then_unloaded_ones() -> None:
    owners = [view(words64(0)).owner(address) for address in (DISK + 8, GONE + 8, GONE - 8)]
    assert [owner and owner.name for owner in owners] == ["disk", "gone.sys", None]


def test_a_hostile_window_is_cut() -> None:
    seen = view(bytes(LONGEST_WINDOW + 64))
    assert (seen.end - seen.start, seen.cut_short) == (LONGEST_WINDOW, True)
    assert not view(bytes(LONGEST_WINDOW)).cut_short
