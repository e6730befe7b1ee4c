"""Stacks of x64, slot by slot, and the structures on them."""

from __future__ import annotations

import struct

from smalldump.layout.context import ContextX64, ExceptionRecord64, KtrapFrameX64
from smalldump.unwind import FrameTrust, WalkEnd, walk
from tests.unwind.machines import DISK, FILTER, GONE, NT, STACK, shown, words64, x64

SCAN, CONTEXT, PROVED = FrameTrust.SCAN, FrameTrust.CONTEXT, FrameTrust.CALL_PROVED


def test_return_addresses_are_found_by_place_and_value() -> None:
    stack = words64(
        0x10,  # 00 home space of the callee
        FILTER + 0x1055,  # 08 a return address, but less than a frame away from the true one
        NT + 0x1235,  # 10 a return address in a slot where none can be
        DISK,  # 18 base of a module
        DISK + 0x234,  # 20 in its headers
        DISK + 0x1235,  # 28 RETURN to disk
        0,  # 30
        NT + 0x3040,  # 38 a function
        0,  # 40
        0x00007FF812345678,  # 48 user mode
        0,  # 50
        FILTER + 0x2001,  # 58 RETURN to filter
        0,  # 60
        0,  # 68
    )
    code = {FILTER + 0x104E: b"\x90" * 7}
    stacks = walk(x64(stack, NT + 0x1111, code=code))
    assert shown(stacks.crash) == [("nt+0x1111", CONTEXT), ("disk+0x1235", SCAN), ("filter+0x2001", SCAN)]
    assert [frame.sp for frame in stacks.crash.frames] == [STACK, STACK + 0x30, STACK + 0x60]
    assert [frame.return_address for frame in stacks.crash.frames] == [DISK + 0x1235, FILTER + 0x2001, None]
    assert stacks.crash.end is WalkEnd.STACK_BASE
    assert stacks.dispatch.end is WalkEnd.SAME_CONTEXT


def test_bytes_without_a_call_refute_and_a_call_supports() -> None:
    stack = words64(
        *(0, 0, 0, 0, 0),
        NT + 0x2345,  # 28 preceded by other code
        *(0, 0, 0),
        DISK + 0x2340,  # 48 RETURN: aligned like a function, but preceded by a call
    )
    code = {NT + 0x2300: b"\x90" * 0x80, DISK + 0x2339: b"\x90\xff\x15\x00\x10\x00\x00"}
    assert shown(walk(x64(stack, NT + 0x1111, code=code)).crash) == [("nt+0x1111", CONTEXT), ("disk+0x2340", SCAN)]


def test_a_function_that_was_just_entered_returns_to_the_stack_pointer() -> None:
    stack = words64(
        0,  # 00
        DISK + 0x1235,  # 08 RETURN: here is the stack pointer
        FILTER + 0x1001,  # 10 home space
        0,  # 18
        0,  # 20
        FILTER + 0x1235,  # 28 stale
        0,  # 30
        FILTER + 0x1301,  # 38 RETURN
    )
    entered = NT + 0x4000
    call = {DISK + 0x1230: b"\xe8" + struct.pack("<i", entered - (DISK + 0x1235))}
    stacks = walk(x64(stack, entered, STACK + 8, code=call))
    assert shown(stacks.crash) == [("nt+0x4000", CONTEXT), ("disk+0x1235", PROVED), ("filter+0x1301", SCAN)]
    assert shown(walk(x64(stack, entered + 1, STACK + 8, code=call)).crash)[1] == ("disk+0x1235", SCAN)


def test_the_code_behind_a_return_address_says_where_the_next_lies() -> None:
    stack = words64(
        *(0, 0, 0, 0, 0),
        DISK + 0x1235,  # 28 RETURN: add rsp, 68h; pop rbx; ret follows
        *(0, 0, 0, 0, 0),
        NT + 0x5001,  # 58 stale
        *(0, 0, 0, 0, 0),
        NT + 0x6001,  # 88 stale
        *(0, 0, 0),
        FILTER + 0x1301,  # A8: 28 + 8 + 78: RETURN
        0,
    )
    stack = stack[:0xA0] + words64(0, FILTER + 0x1301, 0)
    code = {DISK + 0x1235: bytes.fromhex("85c0 4883c470 5bc3")}
    frames = shown(walk(x64(stack, NT + 0x1111, code=code)).crash)
    assert frames == [("nt+0x1111", CONTEXT), ("disk+0x1235", SCAN), ("filter+0x1301", SCAN)]


def test_an_unloaded_driver_is_recognised() -> None:
    stack = words64(0, 0, 0, 0, 0, GONE + 0x1C25, 0, 0)
    frame = walk(x64(stack, NT + 0x1111)).crash.frames[1]
    assert (frame.text(), frame.module, frame.offset) == ("<Unloaded_gone.sys>+0x1c25", None, 0x1C25)
    assert frame.unloaded is not None


def trap_frame(rip: int, rsp: int, cs: int = 0x10, ss: int = 0x18, flags: int = 0x10246) -> bytes:
    return bytes(
        KtrapFrameX64.build(rip=rip, rsp=rsp, seg_cs=cs, seg_ss=ss, e_flags=flags, mx_csr=0x1F80, rbp=FILTER + 0x1777)
    )


def trapped(trap: bytes, above: bytes) -> bytes:
    return words64(*(0, 0, 0, 0, 0), NT + 0x2225, *(0, 0, 0, 0, 0), NT + 0x3335) + trap + above


TRAP_END = STACK + 0x60 + KtrapFrameX64.SIZE


def test_the_walk_goes_on_with_the_interrupted_code() -> None:
    above = words64(
        0,  # 00 rest of the aligned stack
        DISK + 0x1511,  # 08 RETURN of the leaf function that was interrupted: here is the stack pointer
        0,  # 10
        FILTER + 0x1611,  # 18 stale
        0,  # 20
        0,  # 28
        0,  # 30
        FILTER + 0x1711,  # 38 RETURN
    )
    stacks = walk(x64(trapped(trap_frame(DISK + 0x4321, TRAP_END + 8), above), NT + 0x1111))
    assert shown(stacks.crash) == [
        ("nt+0x1111", CONTEXT),
        ("nt+0x2225", SCAN),
        ("nt+0x3335", SCAN),
        ("disk+0x4321", CONTEXT),
        ("disk+0x1511", SCAN),
        ("filter+0x1711", SCAN),
    ]
    assert [frame.return_address for frame in stacks.crash.frames][2] is None
    assert stacks.trap_frame is None or stacks.trap_frame == STACK + 0x60


def test_a_trap_frame_from_user_mode_ends_the_walk() -> None:
    trap = trap_frame(0x7FFB3D14F8F4, 0xC689BFE948, 0x33, 0x2B, 0x246)
    stack = walk(x64(trapped(trap, b""), NT + 0x1111)).crash
    assert stack.end is WalkEnd.USER_MODE
    assert (stack.frames[-1].pc, stack.frames[-1].trust) == (0x7FFB3D14F8F4, CONTEXT)


def test_a_trap_frame_that_leads_to_another_stack_ends_the_walk() -> None:
    trap = trap_frame(DISK + 0x4321, 0xFFFF860000001000)
    stack = walk(x64(trapped(trap, words64(0, NT + 0x2001) * 8), NT + 0x1111)).crash
    assert stack.end is WalkEnd.OTHER_STACK
    assert stack.frames[-1].text() == "disk+0x4321"


def test_what_only_resembles_a_trap_frame_is_none() -> None:
    wrong = [
        trap_frame(DISK + 0x4321, TRAP_END + 8, ss=0x2B),
        trap_frame(DISK + 0x4321, TRAP_END + 8, flags=0x10244),
        trap_frame(DISK + 0x4321, TRAP_END + 0x18),
        trap_frame(DISK + 0x4321, 0x1000),
    ]
    for trap in wrong:
        stack = walk(x64(trapped(trap, words64(*[0] * 8)), NT + 0x1111)).crash
        assert "disk+0x4321" not in [frame.text() for frame in stack.frames[:4] if frame.trust is CONTEXT]


def test_contexts_exception_records_and_dispatcher_contexts_hold_no_return_addresses() -> None:
    stray = DISK + 0x1235
    context = ContextX64.build(words64(stray), context_flags=0x10005F, mx_csr=0x1FA0, seg_cs=0x10, rip=DISK + 0x1333)
    record = ExceptionRecord64.build(
        words64(stray), exception_code=0xC0000005, exception_flags=0, exception_record=0, exception_address=stray,
        number_parameters=2,
    )  # fmt: skip
    dispatcher = words64(NT + 0x1999, NT, NT + 0x8004, STACK + 8, *[stray] * 6)
    stack = bytes(context) + bytes(record) + words64(0) + dispatcher + words64(0, 0, 0, 0, 0, FILTER + 0x1301)
    assert shown(walk(x64(stack, NT + 0x1111)).crash) == [("nt+0x1111", CONTEXT), ("filter+0x1301", SCAN)]


def test_entries_of_an_unwind_history_table_are_no_return_addresses() -> None:
    stack = words64(*(0, 0, 0, 0), NT, NT + 0x8004, DISK, DISK + 0x8014, *(0, 0, 0), FILTER + 0x1301)
    assert shown(walk(x64(stack, NT + 0x1111)).crash)[1:] == [("filter+0x1301", SCAN)]
