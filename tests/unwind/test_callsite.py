"""CALL instructions, encoded by hand from the manuals."""

from __future__ import annotations

import pytest

from smalldump.memory import BytesSpace
from smalldump.model.machine import X64, X86
from smalldump.unwind.callsite import NO_CALL, UNKNOWN, CallSite, arm64_call, call_site, x86_call

AT = 0xFFFFF80100002000
INDIRECT = CallSite(True)


def x64(text: str) -> CallSite:
    """What seven bytes of filler and the code `text` right before AT say."""
    return x86_call(bytes(7) + bytes.fromhex(text), AT, X64.mask)


@pytest.mark.parametrize(
    ("code", "distance"),
    [
        ("e8 fb 0f 00 00", 0xFFB),  # call forward
        ("e8 00 f0 ff ff", -0x1000),  # call back
        ("48 e8 10 00 00 00", 0x10),  # with a REX prefix that does nothing
        ("4c 8b 15 00 10 00 00 e8 20 00 00 00", 0x20),  # mov r10, [rip+1000h]; call: an import after optimisation
    ],
)
def test_direct_calls_have_a_target(code: str, distance: int) -> None:
    assert x64(code) == CallSite(True, AT + distance)


@pytest.mark.parametrize(
    "code",
    [
        "ff d0",  # call rax
        "41 ff d2",  # call r10
        "ff 10",  # call [rax]
        "ff 55 f8",  # call [rbp-8]
        "41 ff 53 18",  # call [r11+18h]
        "ff 93 00 01 00 00",  # call [rbx+100h]
        "ff 15 10 20 00 00",  # call [rip+2010h]
        "48 ff 15 10 20 00 00",  # the same, as compilers write import calls
        "ff 14 c8",  # call [rax+rcx*8]
        "ff 54 24 40",  # call [rsp+40h]
        "41 ff 94 c4 80 00 00 00",  # call [r12+rax*8+80h]
        "ff 14 c5 00 10 00 00",  # call [rax*8+1000h]
        "2e ff d0",  # with a segment prefix
    ],
)
def test_indirect_calls_are_calls(code: str) -> None:
    assert x64(code) == INDIRECT


@pytest.mark.parametrize(
    "code",
    [
        "e9 fb 0f 00 00",  # jmp
        "ff e0",  # jmp rax
        "ff 25 10 20 00 00",  # jmp [rip+2010h]
        "ff 18",  # far call [rax]
        "ff 1d 10 20 00 00",  # far call [rip+2010h]
        "ff 14",  # a SIB byte is missing
        "ff 15 10 20",  # half of a displacement
        "48 83 c4 28 c3",  # add rsp, 28h; ret
        "90 90 90 90 90 90 90",
    ],
)
def test_other_code_is_no_call(code: str) -> None:
    assert x64(code) == NO_CALL


def test_a_target_wraps_around_the_address_space_of_x86() -> None:
    assert x86_call(bytes.fromhex("0000e800f0ffff"), 0x800, X86.mask) == CallSite(True, 0xFFFFF800)


@pytest.mark.parametrize(
    ("code", "site"),
    [
        ("04 00 00 94", CallSite(True, AT - 4 + 0x10)),  # bl +10h
        ("ff ff ff 97", CallSite(True, AT - 8)),  # bl -4
        ("00 01 3f d6", INDIRECT),  # blr x8
        ("1f 09 3f d6", INDIRECT),  # blraaz x8
        ("11 09 3f d7", INDIRECT),  # blraa x8, x17
        ("c0 03 5f d6", NO_CALL),  # ret
        ("00 01 1f d6", NO_CALL),  # br x8
        ("04 00 00 14", NO_CALL),  # b +10h
        ("00 94", UNKNOWN),
    ],
)
def test_arm64_calls(code: str, site: CallSite) -> None:
    assert arm64_call(bytes.fromhex(code), AT) == site


def decode(code: bytes, address: int) -> CallSite:
    return x86_call(code, address, X64.mask)


def test_bytes_that_are_not_in_the_dump_tell_nothing() -> None:
    assert call_site(BytesSpace({AT: bytes(16)}), AT, decode) == UNKNOWN
    assert call_site(BytesSpace({AT - 1: bytes(16)}), AT, decode) == UNKNOWN


def test_a_few_bytes_may_show_a_call_but_never_that_there_is_none() -> None:
    assert call_site(BytesSpace({AT - 2: b"\xff\xd0\x90"}), AT, decode) == INDIRECT
    assert call_site(BytesSpace({AT - 5: b"\xe8\xfb\x0f\x00\x00"}), AT, decode) == CallSite(True, AT + 0xFFB)
    assert call_site(BytesSpace({AT - 6: bytes(6)}), AT, decode) == UNKNOWN
    assert call_site(BytesSpace({AT - 7: bytes(7)}), AT, decode) == NO_CALL


def test_bytes_before_a_gap_are_not_taken_for_those_before_the_address() -> None:
    memory = BytesSpace({AT - 7: b"\xff\xd0", AT - 2: b"\x90\x90"})
    assert call_site(memory, AT, decode) == UNKNOWN
