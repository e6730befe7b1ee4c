"""Epilogues, encoded by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.unwind.epilogue import REACH, frame_size


@pytest.mark.parametrize(
    ("code", "size"),
    [
        ("48 83 c4 28 c3", 0x28),  # add rsp, 28h; ret
        ("8b c3 48 83 c4 20 5b c3", 0x28),  # ... pop rbx; ret
        ("48 83 c4 20 41 5f 41 5e 5f c3", 0x38),  # ... pop r15; pop r14; pop rdi; ret
        ("48 81 c4 18 01 00 00 5f 5e c3", 0x128),  # add rsp, 118h; pop rdi; pop rsi; ret
        ("48 83 c4 30 5d e9 00 10 00 00", 0x38),  # a tail jump
        ("48 83 c4 28 48 ff 25 00 10 00 00", 0x28),  # a tail jump through a pointer
        ("4c 8d 5c 24 60 49 8b 5b 20 49 8b e3 5f c3", 0x68),  # lea r11, [rsp+60h]; ...; mov rsp, r11; pop rdi; ret
        ("4c 8d 9c 24 80 00 00 00 49 8b 5b 18 49 8b e3 5d c3", 0x88),  # the same with four bytes of displacement
    ],
)
def test_sizes(code: str, size: int) -> None:
    assert frame_size(bytes.fromhex(code)) == size


@pytest.mark.parametrize(
    "code",
    [
        "",
        "8b c3 90 90",
        "48 83 c4 28",  # nothing behind it
        "48 83 c4 18 c3",  # less than the home space of a callee
        "48 83 c4 30 c3",  # would leave the stack misaligned
        "48 83 c4 f8 c3",  # a negative amount
        "48 83 c4 28 85 c0",  # the stack pointer moves, and the function goes on
        "cc cc 48 83 c4 28 c3",  # the next function's
    ],
)
def test_no_size(code: str) -> None:
    assert frame_size(bytes.fromhex(code)) is None


@given(st.binary(max_size=REACH))
def test_any_code_gives_a_legal_frame_or_none(code: bytes) -> None:
    size = frame_size(code)
    assert size is None or (size >= 0x28 and size % 16 == 8)
