"""ARM64 instructions; the words are from an assembler's listing, the text beside each says what it is."""

from __future__ import annotations

import pytest

from smalldump.memory import BytesSpace
from smalldump.unwind.arm64_code import Instruction, Kind, Words, decoded

OTHER, MOVE, LOAD, STORE = Kind.OTHER, Kind.MOVE, Kind.LOAD, Kind.STORE


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        (0xA9BF7BFD, "stp x29, x30, [sp, #-0x10]!", Instruction(STORE, ("fp", "lr"), "sp", -16, -16)),
        (0xA8C17BFD, "ldp x29, x30, [sp], #0x10", Instruction(LOAD, ("fp", "lr"), "sp", 0, 16)),
        (0xA94153F3, "ldp x19, x20, [sp, #0x10]", Instruction(LOAD, ("x19", "x20"), "sp", 16)),
        (0xA9417FF3, "ldp x19, xzr, [sp, #0x10]", Instruction(LOAD, ("x19", None), "sp", 16)),
        (0xF9400BFE, "ldr x30, [sp, #0x10]", Instruction(LOAD, ("lr",), "sp", 16)),
        (0xF84107FE, "ldr x30, [sp], #0x10", Instruction(LOAD, ("lr",), "sp", 0, 16)),
        (0xF81F0FFE, "str x30, [sp, #-0x10]!", Instruction(STORE, ("lr",), "sp", -16, -16)),
        (0xF85F83BE, "ldur x30, [x29, #-8]", Instruction(LOAD, ("lr",), "fp", -8)),
        (0xB94013F3, "ldr w19, [sp, #0x10]", Instruction(OTHER, ("x19",), "sp", 16)),
        (0xFD400FE8, "ldr d8, [sp, #0x18]", Instruction(OTHER, (), "sp", 24)),
        (0x3DC00BE8, "ldr q8, [sp, #0x20]", Instruction(OTHER, (), "sp", 32)),
        (0x6CC127E8, "ldp d8, d9, [sp], #0x10", Instruction(OTHER, (), "sp", 0, 16)),
        (0x910083FF, "add sp, sp, #0x20", Instruction(MOVE, ("sp",), "sp", 32)),
        (0x914007FF, "add sp, sp, #1, lsl #12", Instruction(MOVE, ("sp",), "sp", 0x1000)),
        (0xD10083FF, "sub sp, sp, #0x20", Instruction(MOVE, ("sp",), "sp", -32)),
        (0x910003FD, "mov x29, sp", Instruction(MOVE, ("fp",), "sp")),
        (0x910003BF, "mov sp, x29", Instruction(MOVE, ("sp",), "fp")),
        (0xAA1303E0, "mov x0, x19", Instruction(MOVE, ("x0",), "x19")),
        (0xCB2F73FF, "sub sp, sp, x15, uxtx #4", Instruction(OTHER, ("sp",))),
        (0xF100001F, "cmp x0, #0", Instruction(OTHER)),
        (0x52800013, "mov w19, #0", Instruction(OTHER, ("x19",))),
        (0xD503237F, "pacibsp", Instruction(Kind.SIGN)),
        (0xD50323FF, "autibsp", Instruction(OTHER)),
        (0xD503201F, "nop", Instruction(OTHER)),
        (0x94000010, "bl #0x40", Instruction(Kind.CALL)),
        (0xD63F0100, "blr x8", Instruction(Kind.CALL)),
        (0xD65F03C0, "ret", Instruction(Kind.RETURN, base="lr")),
        (0xD65F0120, "ret x9", Instruction(Kind.RETURN, base="x9")),
        (0xD65F0FFF, "retab", Instruction(Kind.RETURN, base="lr")),
        (0xD61F0100, "br x8", Instruction(Kind.JUMP)),
        (0x17FFFFFF, "b #-4", Instruction(Kind.JUMP, target=-4)),
        (0x54000040, "b.eq #8", Instruction(Kind.BRANCH, target=8)),
        (0xB4FFFFE0, "cbz x0, #-4", Instruction(Kind.BRANCH, target=-4)),
        (0x37000060, "tbnz w0, #0, #0xc", Instruction(Kind.BRANCH, target=12)),
        (0xD43E0000, "brk #0xf000", Instruction(Kind.STOP)),
        (0xD4000001, "svc #0", Instruction(OTHER)),
        (0x00000000, "udf #0", Instruction(Kind.STOP)),
        (0x9E660113, "fmov x19, d8", Instruction(OTHER, ("x19",))),
    ],
)
def test_words_are_decoded(word: int, text: str, expected: Instruction) -> None:
    assert decoded(word) == expected, text


def test_code_is_read_where_the_dump_holds_it() -> None:
    words = Words(BytesSpace({0x1000: bytes.fromhex("c0035fd6 7f")}))
    assert words.at(0x1000) == Instruction(Kind.RETURN, base="lr")
    assert words.at(0x1004) is None
