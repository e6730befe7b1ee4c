"""Stacks of ARM64, slot by slot."""

from __future__ import annotations

import struct

from smalldump.layout.context import ContextArm64
from smalldump.unwind import FrameTrust, WalkEnd, walk
from tests.unwind.machines import DISK, FILTER, NT, STACK, arm64, shown, words64

FP, SCAN, CONTEXT, PROVED = FrameTrust.FRAME_POINTER, FrameTrust.SCAN, FrameTrust.CONTEXT, FrameTrust.CALL_PROVED


def signed(address: int) -> int:
    """`address` with a pointer authentication code in its upper bits (bit 55 stays)."""
    return address & 0x0080FFFFFFFFFFFF | 0x5A3B << 48 & 0xFF7F << 48


RECORDS = words64(
    0,  # 00 a local
    0,  # 08
    STACK + 0x30,  # 10 frame record: the next one,
    signed(DISK + 0x1234),  # 18 and the return address, signed
    NT + 0x5554,  # 20 stale
    0,  # 28
    0,  # 30 the thread's first record
    FILTER + 0x1300,  # 38 RETURN
    0,  # 40
    NT + 0x6664,  # 48 stale
)


def test_frame_records_are_followed_to_the_first_one() -> None:
    stacks = walk(arm64(RECORDS, NT + 0x1500, STACK + 0x10))
    assert shown(stacks.crash) == [("nt+0x1500", CONTEXT), ("disk+0x1234", FP), ("filter+0x1300", FP)]
    assert [frame.sp for frame in stacks.crash.frames] == [STACK, STACK + 0x20, STACK + 0x40]
    assert stacks.crash.end is WalkEnd.STACK_BASE


def code(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


NOP, RET, PACIBSP, SAVE, RESTORE, CALL = 0xD503201F, 0xD65F03C0, 0xD503237F, 0xA9BF7BFD, 0xA8C17BFD, 0x94000010
RETAB = 0xD65F0FFF


def test_the_link_register_counts_only_while_the_code_ahead_needs_it() -> None:
    link = signed(DISK + 0x1400)
    for ahead, live in (
        ((NOP, RET), [PROVED]),
        ((NOP, RETAB), [PROVED]),
        ((PACIBSP, SAVE, CALL), [SCAN]),
        ((PACIBSP, SAVE, CALL, RESTORE, RETAB), [PROVED]),
        ((NOP, RESTORE, CALL), []),
        ((NOP, CALL, RET), []),
        ((NOP, NOP), []),
    ):
        frames = shown(walk(arm64(RECORDS, NT + 0x1500, STACK + 0x10, link, code={NT + 0x1500: code(*ahead)})).crash)
        linked = [("disk+0x1400", trust) for trust in live]
        assert frames[1:] == [*linked, ("disk+0x1234", FP), ("filter+0x1300", FP)], ahead


def test_a_call_to_where_the_function_begins_proves_the_caller() -> None:
    entered = DISK + 0x1400 - 4 + 0x40
    memory = {DISK + 0x13FC: code(CALL), entered: code(PACIBSP, SAVE)}
    frames = shown(walk(arm64(RECORDS, entered, STACK + 0x10, DISK + 0x1400, code=memory)).crash)
    assert frames[:2] == [("disk+0x143c", CONTEXT), ("disk+0x1400", PROVED)]


def test_without_a_frame_pointer_the_stack_is_scanned() -> None:
    frames = shown(walk(arm64(RECORDS, NT + 0x1500, 0xDEAD)).crash)
    assert ("disk+0x1234", SCAN) in frames
    assert ("filter+0x1300", SCAN) in frames
    assert ("nt+0x5554", SCAN) not in frames  # the record below leads past it


def test_records_that_lead_back_do_not_loop() -> None:
    stack = words64(STACK + 0x10, DISK + 0x1234, STACK, DISK + 0x1334)
    frames = walk(arm64(stack, NT + 0x1500, STACK)).crash.frames
    assert [frame.sp for frame in frames] == [STACK, STACK + 0x10, STACK + 0x20]


def test_contexts_hold_no_return_addresses() -> None:
    context = ContextArm64.build(
        words64(DISK + 0x1234), context_flags=0x400007, cpsr=0x40, sp=STACK + 8, pc=NT + 0x1000
    )
    stack = bytes(context) + words64(0, FILTER + 0x1304)
    assert shown(walk(arm64(stack, NT + 0x1500, 0xDEAD)).crash)[1:] == [("filter+0x1304", SCAN)]
