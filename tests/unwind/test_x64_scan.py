"""Call chains of x64, with code behind the return addresses."""

from __future__ import annotations

import pytest

from smalldump.model.machine import X64
from smalldump.unwind import FrameTrust, walk, x64_scan
from smalldump.unwind.architecture import Leg, Shapes, State
from smalldump.unwind.shapes import shapes_of
from smalldump.unwind.view import LONGEST_WINDOW, StackView
from tests.unwind.machines import DISK, FILTER, NT, STACK, StoppedMachine, shown, words64, x64
from tests.unwind.test_x64 import TRAP_END, trap_frame, trapped

SCAN, CONTEXT, PROVED = FrameTrust.SCAN, FrameTrust.CONTEXT, FrameTrust.CALL_PROVED
HERE, INNER, OUTER, STALE = NT + 0x1111, DISK + 0x1235, FILTER + 0x1301, NT + 0x5001
ADD_28, ADD_38 = bytes.fromhex("48 83 c4 28 c3"), bytes.fromhex("48 83 c4 38 c3")


def test_a_chain_of_exact_links_is_proved_and_leads_past_stale_addresses() -> None:
    stack = words64(*[0] * 5, INNER, 0, 0, 0, STALE, 0, 0, 0, OUTER, 0, 0)  # INNER at 28, STALE at 48, OUTER at 68
    code = {HERE: ADD_28, INNER: ADD_38, STALE: ADD_28}
    frames = shown(walk(x64(stack, HERE, code=code)).crash)
    assert frames == [("nt+0x1111", CONTEXT), ("disk+0x1235", PROVED), ("filter+0x1301", PROVED)]


def test_behind_a_gap_nothing_is_proved() -> None:
    stack = words64(*[0] * 5, INNER, 0, 0, 0, 0, 0, 0, 0, OUTER, 0, 0)
    frames = shown(walk(x64(stack, HERE, code={INNER: ADD_38})).crash)
    assert frames == [("nt+0x1111", CONTEXT), ("disk+0x1235", SCAN), ("filter+0x1301", SCAN)]


def test_restored_registers_lead_on() -> None:
    # HERE: mov rbp, [rsp+20h]; add rsp, 28h; ret. INNER: lea rsp, [rbp+8]; ret.
    code = {HERE: bytes.fromhex("48 8b 6c 24 20 48 83 c4 28 c3"), INNER: bytes.fromhex("48 8d 65 08 c3")}
    stack = words64(0, 0, 0, 0, STACK + 0x90, INNER, 0, STALE, 0, STALE, 0, STALE, 0, 0, 0, 0, 0, 0, 0, OUTER, 0)
    frames = shown(walk(x64(stack, HERE, code=code)).crash)
    assert frames == [("nt+0x1111", CONTEXT), ("disk+0x1235", PROVED), ("filter+0x1301", PROVED)]


def test_a_frame_pointer_that_nobody_knows_is_found_where_it_was_saved() -> None:
    stack = words64(0, 0, STACK + 0x90, 0, 0, INNER, 0, 0, 0, 0, 0, STALE, *[0] * 7, OUTER, 0)
    frames = shown(walk(x64(stack, HERE, code={INNER: bytes.fromhex("48 8d 65 08 c3")})).crash)
    assert frames == [("nt+0x1111", CONTEXT), ("disk+0x1235", SCAN), ("filter+0x1301", SCAN)]


def test_code_that_uses_a_slot_refutes_it() -> None:
    # mov rax, [rsp+28h]; what comes then is not known.
    stack = words64(*[0] * 5, INNER, 0, 0, 0, 0, 0, STALE, 0, 0, 0, OUTER, 0)
    frames = shown(walk(x64(stack, HERE, code={HERE: ADD_28, INNER: bytes.fromhex("48 8b 44 24 28")})).crash)
    assert frames == [("nt+0x1111", CONTEXT), ("disk+0x1235", PROVED), ("filter+0x1301", SCAN)]


def test_functions_are_no_return_addresses() -> None:
    prologue, reads_argument = bytes.fromhex("48 89 5c 24 08 57 48 83 ec 20"), bytes.fromhex("48 8b 01 c3")
    stack = words64(*[0] * 5, STALE, 0, 0, 0, 0, 0, OUTER, *[0] * 5, INNER, 0)
    code = {STALE: prologue, OUTER: reads_argument, INNER: b"\x33\xc0"}
    assert shown(walk(x64(stack, HERE, code=code)).crash) == [("nt+0x1111", CONTEXT), ("disk+0x1235", SCAN)]


def test_without_a_decoder_epilogues_are_matched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(x64_scan, "can_decode", lambda: False)
    stack = words64(*[0] * 5, INNER, 0, 0, 0, STALE, 0, 0, 0, OUTER, 0, 0)
    frames = shown(walk(x64(stack, HERE, code={HERE: ADD_28, INNER: ADD_38})).crash)
    assert frames == [("nt+0x1111", CONTEXT), ("disk+0x1235", SCAN), ("filter+0x1301", SCAN)]


def test_an_image_says_how_large_a_frame_is() -> None:
    machine = StoppedMachine(X64, STACK, words64(*[0] * 5, INNER, 0, 0, 0, STALE, 0, 0, 0, OUTER, 0, 0), {})
    view = StackView(machine, machine.window, STACK)
    shapes: Shapes = shapes_of((), ())
    leg = Leg(view, shapes, State(HERE, STACK), view.end, False, {INNER: 0x38}.get)
    assert [caller.address for caller in x64_scan.by_scan(leg)] == [INNER, OUTER]


def test_a_window_full_of_pointers_to_code_is_walked_in_time() -> None:
    code = {NT + 0x1000: bytes.fromhex("75 00 48 8d 65 08") * 0x2800}
    slots = words64(*(NT + 0x1001 + at % 0xEFF0 for at in range(LONGEST_WINDOW // 8)))
    assert walk(x64(slots, NT + 0x1111, code=code)).crash.frames


def test_copies_of_the_interrupted_address_are_no_return_addresses() -> None:
    above = words64(0, DISK + 0x1511, 0, 0, 0, 0, 0, DISK + 0x4321, 0, 0, 0, 0, 0, FILTER + 0x1711)
    stack = trapped(trap_frame(DISK + 0x4321, TRAP_END + 8), above)
    frames = shown(walk(x64(stack, HERE)).crash)
    assert frames[-3:] == [("disk+0x4321", CONTEXT), ("disk+0x1511", SCAN), ("filter+0x1711", SCAN)]
