"""Call chains of ARM64, with code behind the return addresses."""

from __future__ import annotations

from smalldump.model.machine import ARM64
from smalldump.unwind import FrameTrust, walk
from smalldump.unwind.architecture import Leg, State
from smalldump.unwind.arm64_scan import by_scan
from smalldump.unwind.shapes import shapes_of
from smalldump.unwind.view import LONGEST_WINDOW, StackView
from tests.unwind.machines import DISK, FILTER, NT, STACK, StoppedMachine, arm64, shown, words64
from tests.unwind.test_arm64 import CALL, NOP, RESTORE, RET, code, signed
from tests.unwind.test_arm64_simulation import ADD_20, LOAD_30_POST_10

FP, SCAN, CONTEXT, PROVED = FrameTrust.FRAME_POINTER, FrameTrust.SCAN, FrameTrust.CONTEXT, FrameTrust.CALL_PROVED
HERE, INNER, OUTER, STALE = NT + 0x1110, DISK + 0x1234, FILTER + 0x1300, NT + 0x5000
ALONE, FRAMED = code(LOAD_30_POST_10, RET), code(ADD_20, RESTORE, RET)


def test_a_chain_of_exact_links_is_proved_and_leads_through_functions_without_a_record() -> None:
    stack = words64(signed(INNER), 0, 0, STALE, 0, 0, STACK + 0x80, OUTER, *[0] * 8)
    stacks = walk(arm64(stack, HERE, STACK + 0x30, code={HERE: ALONE, INNER: FRAMED}))
    assert shown(stacks.crash) == [("nt+0x1110", CONTEXT), ("disk+0x1234", PROVED), ("filter+0x1300", PROVED)]
    assert [frame.sp for frame in stacks.crash.frames] == [STACK, STACK + 0x10, STACK + 0x40]


def test_without_code_the_records_lead_past_a_function_that_keeps_none() -> None:
    stack = words64(signed(INNER), 0, 0, 0, 0, 0, 0, OUTER, *[0] * 8)
    frames = shown(walk(arm64(stack, HERE, STACK + 0x30, code={HERE: ALONE})).crash)
    assert frames == [("nt+0x1110", CONTEXT), ("disk+0x1234", PROVED), ("filter+0x1300", FP)]


def test_a_record_that_nobody_points_to_yet_lies_before_the_next_one() -> None:
    # The function has saved x29, which still is its caller's, and x30; what comes then is not known.
    stack = words64(STACK + 0x30, INNER, 0, 0, 0, 0, 0, OUTER, *[0] * 8)
    frames = shown(walk(arm64(stack, HERE, STACK + 0x30)).crash)
    assert frames == [("nt+0x1110", CONTEXT), ("disk+0x1234", SCAN), ("filter+0x1300", FP)]


POPS = code(CALL, RESTORE, RET)


def test_a_call_may_have_taken_a_cookie_away() -> None:
    frames = [("nt+0x1110", CONTEXT), ("disk+0x1234", PROVED)]
    for stack, fp, proved in (
        (words64(0, 0, 0, INNER, *[0] * 40), 1, True),  # only one of both can be
        (words64(0, INNER, 0, 7, *[0] * 40), 1, True),
        (words64(0, STALE, 0, INNER, *[0] * 40), STACK + 0x10, True),  # the frame record tells
        (words64(0, INNER, 0, INNER, *[0] * 40), 1, False),
    ):
        found = shown(walk(arm64(stack, HERE, fp, code={HERE: POPS})).crash)
        assert (found == frames) is proved
        assert found[1][0] == "disk+0x1234"


def test_an_image_says_how_large_a_frame_is() -> None:
    machine = StoppedMachine(ARM64, STACK, words64(0, 0, 0, INNER, 0, 0, 0, STALE, 0, 0), {})
    view = StackView(machine, machine.window, STACK)
    leg = Leg(view, shapes_of((), ()), State(HERE, STACK, 0), view.end, False, {HERE: 0x18}.get)
    first = by_scan(leg)[0]
    assert (first.address, first.trust) == (INNER, PROVED)


def test_functions_are_no_return_addresses() -> None:
    begins, bare = code(0xA9BF7BFD, CALL), code(NOP, RET)
    stack = words64(*[0] * 5, STALE, *[0] * 6, OUTER, *[0] * 4, INNER, 0)
    assert shown(walk(arm64(stack, HERE, 1, code={STALE: begins, OUTER: bare})).crash)[1:] == [("disk+0x1234", SCAN)]


def test_a_window_full_of_pointers_to_code_is_walked_in_time() -> None:
    memory = {NT + 0x1000: code(0x54000040, NOP, ADD_20) * 0x1400}
    slots = words64(*(NT + 0x1000 + 4 * at % 0xEFF0 for at in range(LONGEST_WINDOW // 8)))
    assert walk(arm64(slots, HERE, 1, code=memory)).crash.frames
