"""Frames that are read in one go."""

from __future__ import annotations

import struct

from smalldump.layout.arm64_codes import Code, Op, code_sequence
from smalldump.layout.unwind_info import parse_unwind_info
from smalldump.memory import BytesSpace
from smalldump.unwind.arm64_body import body_of as arm64_body
from smalldump.unwind.recipe import Saved, recipe
from smalldump.unwind.x64_body import body_of as x64_body

STACK = 0x7000


def memory(*words: int) -> BytesSpace:
    return BytesSpace({STACK: struct.pack(f"<{len(words)}Q", *words)})


def test_a_frame() -> None:
    made = recipe("rbp", 8, [Saved("rip", 32), Saved("xmm6", 0, 16), Saved("rbx", 24)], 40)
    assert made is not None
    found = made.read(memory(1, 2, 3, 4, 5), {"rsp": STACK, "rbp": STACK + 8}, "rsp")
    assert found == {"xmm6": 2 << 64 | 1, "rbx": 4, "rip": 5, "rsp": STACK + 40}


def test_a_frame_that_cannot_be_read() -> None:
    made = recipe("rbp", 0, [Saved("rip", 8)], 16)
    assert made is not None
    assert made.read(memory(1, 2), {"rsp": STACK}, "rsp") is None
    assert made.read(memory(1), {"rsp": STACK, "rbp": STACK}, "rsp") is None
    assert made.read(memory(1, 2), {"rsp": STACK + 16, "rbp": STACK}, "rsp") is None  # down the stack


def test_slots_that_make_no_frame() -> None:
    assert recipe("sp", 0, [Saved("x19", 0), Saved("x20", 4)], 16) is None
    assert recipe("sp", 0, [Saved("d8", 8, 16), Saved("x20", 16)], 32) is None
    assert recipe("sp", 0, [Saved("x19", 0), Saved("x19", 8)], 16) is None
    assert recipe("sp", 0, [Saved("x19", 1 << 20)], 1 << 21) is None


def test_what_x64_functions_leave_to_the_full_way() -> None:
    plain = parse_unwind_info(bytes([1, 6, 2, 0, 6, 0x42, 2, 0x30]))
    made = x64_body(0x1000, [plain])
    assert made is not None
    assert (made.start, made.recipe.names, made.recipe.size) == (0x1006, ("rbx", "rip"), 0x38)
    machine_frame = parse_unwind_info(bytes([1, 0, 1, 0, 0, 0x0A, 0, 0]))
    assert x64_body(0x1000, [machine_frame]) is None
    never_set = parse_unwind_info(bytes([1, 4, 1, 0x05, 4, 0x42, 0, 0]))  # a frame register without SET_FPREG
    assert x64_body(0x1000, [never_set]) is None
    assert x64_body(0x1000, [plain, never_set]) is None
    pushed_after = parse_unwind_info(bytes([1, 4, 2, 0x05, 4, 0x30, 3, 0x03]))
    assert x64_body(0x1000, [pushed_after]) is None


def test_what_arm64_functions_leave_to_the_full_way() -> None:
    def body(codes: str) -> object:
        return arm64_body(code_sequence(bytes.fromhex(codes), 0).codes)

    signed = arm64_body(code_sequence(bytes.fromhex("e1 c802 83 fc e4"), 0).codes)
    assert signed is not None
    assert signed.signed
    assert (signed.recipe.anchor, signed.recipe.names, signed.recipe.size) == ("fp", ("fp", "lr", "x19", "x20"), 0x20)
    assert body("01 83 e4") is not None
    assert body("01 e4") is None  # saves no return address
    assert body("83 e9 e4") is None  # a machine frame
    assert body("24 e1 83 e4") is None  # something saved below the frame pointer's frame
    assert arm64_body([Code(Op.SAVE, ("q8", "lr"), 0, 32)]) is not None
