"""Stacks beyond the saved one."""

from __future__ import annotations

from smalldump.collect.stacks import stacks_beyond
from smalldump.model import Absent, Snapshot
from smalldump.model.requests import Rank
from smalldump.sources.builder import SnapshotBuilder, ThreadFacts
from smalldump.unwind import Frame, FrameTrust

STACK = 0xFFFFF80004000000
OTHER = 0xFFFFF80006000000


def frame(sp: int) -> Frame:
    return Frame(0xFFFFF80000401234, sp, None, None, None, None, FrameTrust.UNWIND_INFO, None)


def asked(machine: Snapshot, *places: int) -> list[tuple[int, int]]:
    found = list(stacks_beyond(machine, map(frame, places)))
    assert {request.rank for request in found} <= {Rank.UNWIND}
    return [(request.address, request.end) for request in found]


def machine(**thread: int) -> Snapshot:
    return SnapshotBuilder(stack=(STACK, bytes(0x1000)), thread=ThreadFacts(**thread)).build()  # type: ignore[typeddict-item]


def test_frames_on_the_saved_stack_ask_for_nothing() -> None:
    assert asked(machine(), STACK, STACK + 0xFF8) == []


def test_the_other_stack_is_taken_up_to_its_base() -> None:
    thread = {"stack_base": OTHER + 0x2000, "stack_limit": OTHER - 0x4000}
    assert asked(machine(**thread), STACK, OTHER + 0x100, OTHER + 0x400) == [(OTHER - 0x100, OTHER + 0x2000)]


def test_where_the_base_is_another_ones_a_page_more_is_taken() -> None:
    assert asked(machine(), OTHER + 0x400, OTHER + 0x100) == [(OTHER - 0x100, OTHER + 0x1400)]
    lost = machine()
    lost.thread = lost.stack = Absent.NOT_CAPTURED
    assert asked(lost, OTHER) == [(OTHER - 0x200, OTHER + 0x1000)]


def test_far_places_are_stacks_of_their_own() -> None:
    found = asked(machine(), OTHER, OTHER + 0x100000)
    assert found == [(OTHER - 0x200, OTHER + 0x1000), (OTHER + 0xFFE00, OTHER + 0x101000)]


def test_user_stacks_are_left() -> None:
    assert asked(machine(), 0x7FFE0000) == []
