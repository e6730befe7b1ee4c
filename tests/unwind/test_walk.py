"""The walk as a whole: its two parts, its ends, hostile stacks, and stacks of known truth."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

from benchmarks.stack_truth import scores
from hypothesis import given
from hypothesis import strategies as st

from smalldump.layout.context import KtrapFrameX64
from smalldump.memory import BytesSpace
from smalldump.model import Absent
from smalldump.model.machine import ARM64, X64, X86, Machine, machine_of
from smalldump.unwind import NO_CODE, FrameTrust, Stacks, WalkEnd, walk
from smalldump.unwind.climb import frames_of
from smalldump.unwind.code import Code
from smalldump.unwind.view import LONGEST_WINDOW
from tests.unwind.machines import DISK, FILTER, GONE, NT, NT32, STACK, StoppedMachine, shown, words32, words64, x64

SCAN, CONTEXT = FrameTrust.SCAN, FrameTrust.CONTEXT


# A stop inside an exception: KeBugCheckEx and its callers, the trap frame, and the code that failed.
def exception_stack() -> tuple[bytes, int, int]:
    below = words64(
        NT + 0x2225,  # 00 RETURN to the exception's dispatcher: KeBugCheckEx has only just been entered
        0,  # 08
        0,  # 10
        NT + 0x2999,  # 18 stale
        0,  # 20
        0,  # 28
        NT + 0x3335,  # 30 RETURN to the trap handler, right below the trap frame
    )
    trap, crash_sp = STACK + 8 + len(below), STACK + 8 + len(below) + KtrapFrameX64.SIZE
    frame = KtrapFrameX64.build(
        words64(NT + 0x2777), rip=DISK + 0x4321, rsp=crash_sp, seg_cs=0x10, seg_ss=0x18, e_flags=0x10246, mx_csr=0x1F80
    )
    above = words64(
        *(0, 0, 0, 0, 0),
        DISK + 0x5511,  # 28 RETURN
        *(0, 0, 0, 0, 0),
        FILTER + 0x1711,  # 58 RETURN
        0,
    )
    return below + bytes(frame) + above, trap, crash_sp


def check_both_parts(stacks: Stacks, trap: int) -> None:
    assert shown(stacks.dispatch)[-2:] == [("nt+0x2225", SCAN), ("nt+0x3335", SCAN)]
    assert stacks.dispatch.end is WalkEnd.CRASH_CONTEXT
    assert stacks.dispatch.frames[-1].sp == trap
    assert shown(stacks.crash) == [("disk+0x4321", CONTEXT), ("disk+0x5511", SCAN), ("filter+0x1711", SCAN)]
    assert stacks.crash.end is WalkEnd.STACK_BASE
    assert stacks.trap_frame == trap


def test_the_stack_is_split_at_the_trap_frame() -> None:
    stack, trap, crash_sp = exception_stack()
    crash, stop = {"rip": DISK + 0x4321, "rsp": crash_sp}, {"rip": NT + 0x4000, "rsp": STACK + 8}
    stacks = walk(StoppedMachine(X64, STACK + 8, stack, crash, header=stop))
    assert shown(stacks.dispatch)[0] == ("nt+0x4000", CONTEXT)
    check_both_parts(stacks, trap)


def test_where_the_stop_left_no_registers_the_window_begins_at_its_return_address() -> None:
    stack, trap, crash_sp = exception_stack()
    crash = {"rip": DISK + 0x4321, "rsp": crash_sp}
    stacks = walk(StoppedMachine(X64, STACK + 8, stack, crash, crash_address=STACK + 0x1000))
    assert stacks.dispatch.frames[0].trust is SCAN
    check_both_parts(stacks, trap)


def test_what_lies_below_the_crash_is_dead_where_nothing_ran_there() -> None:
    stack, _, crash_sp = exception_stack()
    stacks = walk(StoppedMachine(X64, STACK + 8, stack, {"rip": DISK + 0x4321, "rsp": crash_sp}))
    assert stacks.dispatch.frames == ()
    assert stacks.dispatch.end is WalkEnd.SAME_CONTEXT
    assert [frame.text() for frame in stacks.crash.frames] == ["disk+0x4321", "disk+0x5511", "filter+0x1711"]


def test_from_the_stop_the_walk_crosses_the_trap_frame() -> None:
    stack, _, crash_sp = exception_stack()
    stacks = walk(StoppedMachine(X64, STACK + 8, stack, {"rip": NT + 0x4000, "rsp": STACK + 8}))
    assert [frame.text() for frame in stacks.crash.frames] == [
        "nt+0x4000",
        "nt+0x2225",
        "nt+0x3335",
        "disk+0x4321",
        "disk+0x5511",
        "filter+0x1711",
    ]
    assert stacks.crash.frames[3].sp == crash_sp


def test_ends_say_why() -> None:
    found = words64(0, 0, 0, 0, 0, NT + 0x1235, 0)
    assert walk(x64(found, NT + 0x1111)).crash.end is WalkEnd.STACK_BASE
    assert walk(x64(found, NT + 0x1111, cut=0x800)).crash.end is WalkEnd.END_OF_WINDOW
    assert walk(x64(found, NT + 0x1111, cut=Absent.NOT_CAPTURED)).crash.end is WalkEnd.END_OF_WINDOW
    assert walk(x64(words64(0, 0, 0), NT + 0x1111)).crash.end is WalkEnd.NO_MORE_CANDIDATES
    assert walk(x64(found + bytes(LONGEST_WINDOW), NT + 0x1111)).crash.end is WalkEnd.LIMIT


def test_a_stack_pointer_outside_of_the_window_leaves_one_frame() -> None:
    for rsp in (STACK - 8, STACK + 8, 0, (1 << 64) - 1):
        stacks = walk(x64(words64(NT + 0x1235), GONE + 0x1111, rsp))
        assert shown(stacks.crash) == [("<Unloaded_gone.sys>+0x1111", CONTEXT)]
        assert stacks.crash.end is WalkEnd.NO_STACK


def test_without_registers_stack_or_architecture_there_is_nothing() -> None:
    assert walk(StoppedMachine(X64, STACK, bytes(64), None)).crash.end is WalkEnd.NO_CONTEXT
    assert walk(StoppedMachine(X64, STACK, bytes(64), {"rip": NT})).crash.end is WalkEnd.NO_CONTEXT
    itanium = StoppedMachine(machine_of(0x200, 64), STACK, bytes(64), {"pc": NT, "sp": STACK})
    assert walk(itanium).crash.end is WalkEnd.UNSUPPORTED
    gone = x64(words64(0), NT + 0x1111)
    gone.stack = Absent.NOT_CAPTURED
    assert walk(gone).crash.end is WalkEnd.NO_STACK


# Words of hostile stacks: pointers into modules and into the stack, selectors, flags, and anything.
def words_of(pointer: int, stack: int, size: int) -> st.SearchStrategy[bytes]:
    interesting = st.one_of(
        st.integers(0, 0x3FFFFF).map(lambda offset: pointer + offset),
        st.integers(0, 0x400).map(lambda offset: stack + offset),
        st.sampled_from([0, 0x08, 0x10, 0x18, 0x1B, 0x23, 0x2B, 0x33, 0x246, 0xC0000005, 0x1003F, 0x1F800010000F]),
        st.integers(0, (1 << 8 * size) - 1),
    ).map(lambda value: value & (1 << 8 * size) - 1)
    code = "Q" if size == 8 else "I"
    return st.lists(interesting, max_size=128).map(lambda values: struct.pack(f"<{len(values)}{code}", *values))


@given(st.sampled_from([X64, X86, ARM64]), st.data())
def test_any_stack_gives_ordered_frames_within_the_window(machine: Machine, data: st.DataObject) -> None:
    stack, pointer = (STACK, NT) if machine.bits == 64 else (0xF7A30000, NT32)
    start = stack + data.draw(st.integers(0, 15))
    content = data.draw(words_of(pointer, stack, machine.pointer)) + data.draw(st.binary(max_size=7))
    places = st.integers(stack - 16, stack + 0x420)
    drawn = {name: data.draw(places) for name in (machine.sp, machine.fp, "lr")}
    crash = {machine.pc: pointer + 0x1111, **drawn}
    header = {machine.pc: pointer + 0x2222, machine.sp: data.draw(places)}
    code = {pointer + 0x1000: data.draw(st.binary(max_size=64))}
    address = data.draw(st.none() | places)
    stopped = StoppedMachine(machine, start, content, crash, header=header, code=code, crash_address=address)
    stacks = walk(stopped)
    window = stopped.window
    for part in (stacks.crash, stacks.dispatch):
        inside = [
            frame.sp for frame in part.frames[: -1 if part.end in (WalkEnd.USER_MODE, WalkEnd.OTHER_STACK) else None]
        ]
        assert all(inner < outer or (inner == outer and machine is ARM64) for inner, outer in pairwise(inside))
        if part.end is not WalkEnd.NO_STACK:
            assert all(window.start <= sp <= window.end for sp in inside)
        assert all(frame.trust is CONTEXT or frame.module or frame.unloaded for frame in part.frames)
        addresses = [frame.pc for frame in part.frames]
        for frame, outer in zip(part.frames, addresses[1:], strict=False):
            assert frame.return_address in (outer, None)


def test_a_window_full_of_return_addresses_is_walked_in_time() -> None:
    slots = words64(*(NT + 0x1001 + at % 0xEFF0 for at in range(LONGEST_WINDOW // 8)))
    stack = walk(x64(slots, NT + 0x1111)).crash
    assert 0 < len(stack.frames) <= LONGEST_WINDOW // 0x30 + 2


def test_deep_chains_of_x86_are_followed() -> None:
    count = 2000
    links = [word for at in range(count) for word in (0xF7A30000 + 8 * (at + 1), NT32 + 0x1235)]
    crash = {"eip": NT32 + 0x1111, "esp": 0xF7A30000, "ebp": 0xF7A30000}
    stack = walk(StoppedMachine(X86, 0xF7A30000, words32(*links), crash)).crash
    assert len(stack.frames) == count + 1


def test_real_stacks_are_found(samples: Path) -> None:
    real = [score for score in scores(samples) if not score.dump.endswith(".small")]
    for part, least_recall in (("crash", 0.9), ("dispatch", 0.8)):
        right, true, found = (sum(getattr(s, name) for s in real if s.part == part) for name in _COUNTS)
        assert true > 0
        assert right / true >= least_recall, part
        assert right / found >= 0.65, part


_COUNTS = ("right", "true", "found")


def test_stacks_that_the_engine_wrote_are_found(samples: Path) -> None:
    written = [score for score in scores(samples) if score.dump.endswith(".small")]
    assert written
    for score in written:
        assert score.recall >= 0.9, (score.dump, score.part)
        assert score.precision == 1, (score.dump, score.part)


def other_stack(*, held: bool, back: bool = False) -> StoppedMachine:
    """A trap frame whose registers lead to another stack; `back`: where another trap frame leads to the first one."""
    here, there = STACK, STACK + 0x100000
    trap = KtrapFrameX64.build(rip=DISK + 0x4321, rsp=there + 0x10, seg_cs=0x10, seg_ss=0x18, e_flags=0x10246)
    struct.pack_into("<I", trap, KtrapFrameX64.mx_csr.offset, 0x1F80)
    again = KtrapFrameX64.build(rip=DISK + 0x4321, rsp=here, seg_cs=0x10, seg_ss=0x18, e_flags=0x10246)
    struct.pack_into("<I", again, KtrapFrameX64.mx_csr.offset, 0x1F80)
    stack = words64(0, 0, 0, 0, 0, 0, NT + 0x3335) + bytes(trap)
    outer = words64(0, 0, 0, 0, 0, 0, 0, FILTER + 0x1711, 0) + (bytes(8) + bytes(again) if back else b"")
    stopped = StoppedMachine(X64, here + 8, stack, {"rip": NT + 0x4000, "rsp": here + 8})
    if held:
        stopped.memory = BytesSpace({here + 8: stack, there: outer})
    return stopped


def test_a_walk_goes_on_to_another_stack_that_the_dump_holds() -> None:
    crash = walk(other_stack(held=True)).crash
    assert [frame.text() for frame in crash.frames] == ["nt+0x4000", "nt+0x3335", "disk+0x4321", "filter+0x1711"]
    assert crash.end is WalkEnd.END_OF_WINDOW


def test_a_walk_ends_where_the_other_stack_is_not_in_the_dump() -> None:
    crash = walk(other_stack(held=False)).crash
    assert [frame.text() for frame in crash.frames] == ["nt+0x4000", "nt+0x3335", "disk+0x4321"]
    assert crash.end is WalkEnd.OTHER_STACK


def test_stacks_that_lead_to_each_other_end() -> None:
    assert len(walk(other_stack(held=True, back=True)).crash.frames) < 100


def test_a_walk_that_finds_nothing_at_all() -> None:
    """The stop left no program counter, and nothing on its stack leads anywhere."""
    machine = x64(words64(0, 0, 0, 0), NT + 0x1111)
    assert frames_of(machine, Code(machine.memory, machine.modules, NO_CODE), []) == ()
