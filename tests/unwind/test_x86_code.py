"""Prologues and epilogues of x86, encoded by hand."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.memory import BytesSpace
from smalldump.unwind.x86_code import Prologue, after_epilogue, begins_here, prologue

CODE, STACK = 0x401000, 0x9000
WORDS = struct.pack("<16I", *(0xA0 + number for number in range(16)))
REGISTERS = {"eip": CODE, "esp": STACK, "ebp": STACK + 0x10, "ebx": 1, "esi": 2, "edi": 3}


def memory(code: str) -> BytesSpace:
    return BytesSpace({CODE: bytes.fromhex(code), STACK: WORDS})


@pytest.mark.parametrize(
    ("code", "done"),
    [
        ("", Prologue(0, {})),
        ("8b ff", Prologue(0, {})),  # mov edi, edi
        ("8b ff 55", Prologue(4, {"ebp": 4})),  # ... push ebp
        ("55 8b ec 83 ec 10", Prologue(0x14, {"ebp": 4}, 4)),  # push ebp; mov ebp, esp; sub esp, 10h
        ("55 89 e5 53 56", Prologue(12, {"ebp": 4, "ebx": 8, "esi": 12}, 4)),
        ("81 ec 00 10 00 00 57", Prologue(0x1004, {"edi": 0x1004})),  # sub esp, 1000h; push edi
        ("56 8b 74 24 08 57", Prologue(8, {"esi": 4, "edi": 8})),  # a load between the pushes
        ("51 53", Prologue(8, {"ecx": 4, "ebx": 8})),
        ("55 89 e5 83 e4 f0", Prologue(None, {"ebp": 4}, 4, whole=False)),  # and esp, -10h
        ("55 e8 00 00 00 00", Prologue(None, {"ebp": 4}, whole=False)),  # a call
        ("83 ec", Prologue(None, {}, whole=False)),  # cut off
    ],
)
def test_prologues(code: str, done: Prologue) -> None:
    assert prologue(bytes.fromhex(code)) == done


@pytest.mark.parametrize(
    ("code", "sp", "restored"),
    [
        ("c3", 0, {}),
        ("c2 08 00", 0, {}),
        ("5d c3", 4, {"ebp": 0xA0}),
        ("83 c4 08 5e 5b c3", 16, {"esi": 0xA2, "ebx": 0xA3}),  # add esp, 8; pop esi; pop ebx; ret
        ("81 c4 10 00 00 00 5f c2 0c 00", 20, {"edi": 0xA4}),
        ("c9 c3", 0x14, {"ebp": 0xA4}),  # leave; ret
        ("8b e5 5d c3", 0x14, {"ebp": 0xA4}),  # mov esp, ebp; pop ebp; ret
        ("8d 65 f8 5e 5f 5d c3", 0x14, {"esi": 0xA2, "edi": 0xA3, "ebp": 0xA4}),  # lea esp, [ebp-8]; ...
        ("8d a5 fc ff ff ff 5f 5d c3", 0x14, {"edi": 0xA3, "ebp": 0xA4}),
        ("8b c6 5e c3", 4, {"esi": 0xA0}),  # mov eax, esi between
        ("b8 01 00 00 00 40 5e c3", 4, {"esi": 0xA0}),  # mov eax, 1; inc eax
        ("0f b6 c0 33 d2 8b 4c 24 10 5e c3", 4, {"esi": 0xA0}),  # movzx; xor; a load
        ("6a 01 58 5b c3", 4, {"ebx": 0xA0}),  # push 1; pop eax
        ("5e e9 00 10 00 00", 4, {"esi": 0xA0}),  # a tail call
        ("5e ff 24 85 00 10 40 00", 4, {"esi": 0xA0}),  # jmp [eax*4+401000h]
    ],
)
def test_epilogues(code: str, sp: int, restored: dict[str, int]) -> None:
    assert after_epilogue(memory(code), REGISTERS) == {**REGISTERS, "esp": STACK + sp, **restored}


@pytest.mark.parametrize(
    "code",
    [
        "",
        "5e",  # nothing behind it
        "5e 85 c0 c3",  # test eax, eax
        "8b f0 c3",  # mov esi, eax: it still needs what it has
        "e9 00 10 00 00",  # a jump that restores nothing before
        "5c c3",  # pop esp
        "83 c4 7f 5e c3",  # beyond the stack that is there
        "5e eb 00 90 90",  # a jump to where the function is known to go on
    ],
)
def test_no_epilogue(code: str) -> None:
    assert after_epilogue(memory(code), REGISTERS, range(CODE, CODE + 0x40)) is None


def test_the_jump_of_a_tail_call_follows_what_restores() -> None:
    space = BytesSpace({CODE - 1: bytes.fromhex("5d e9 00 10 00 00"), STACK: WORDS})
    assert after_epilogue(space, REGISTERS) == REGISTERS


def test_frames_of_ebp_begin_alike() -> None:
    assert begins_here(memory("8b ff 55 8b ec"), CODE) == Prologue(0, {})
    assert begins_here(memory("55 89 e5"), CODE) == Prologue(0, {})
    assert begins_here(memory("55 8b ec"), CODE + 1) == Prologue(4, {"ebp": 4})
    assert begins_here(memory("55 8b ec"), CODE + 3) is None
    assert begins_here(BytesSpace({}), CODE) is None


@given(st.binary(max_size=40))
def test_any_code_gives_something_or_nothing(code: bytes) -> None:
    assert prologue(code).depth is None or prologue(code).whole
    after = after_epilogue(BytesSpace({CODE: code, STACK: WORDS}), REGISTERS)
    assert after is None or after["eip"] == CODE
