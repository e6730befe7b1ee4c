from __future__ import annotations

import pytest

from smalldump.analysis.culprit import CulpritKind
from smalldump.analysis.rules.rule import Case
from smalldump.analysis.rules.traps import rule
from smalldump.analysis.weights import Kind
from smalldump.model import Absent
from smalldump.unwind import NO_CODE, CallStack, Frame, FrameTrust, Stacks, WalkEnd
from tests.analysis.buckets import DRIVER, KERNEL, OTHER, built
from tests.analysis.rules.cases import driver_of, says, verdict


def overflow(*frames: tuple[int, int], limit: int | Absent) -> Case:
    """A double fault of a thread with a stack limit, and frames (place, stack pointer)."""
    machine = built(0x7F, (8, 0, 0, 0), "wobblefs.sys", other="gizmo.sys")
    assert not isinstance(machine.thread, Absent)
    machine.thread = machine.thread._replace(stack_limit=limit)
    walked = tuple(Frame(pc, sp, None, machine.modules.at(pc), 0, None, FrameTrust.UNWIND_INFO) for pc, sp in frames)
    stacks = Stacks(CallStack(walked, WalkEnd.STACK_BASE), CallStack((), WalkEnd.SAME_CONTEXT), None)
    return Case(machine, 0x7F, (8, 0, 0, 0), None, None, (), stacks, NO_CODE)


BASE = 0xFFFFA00000020000
FRAMES = (
    (KERNEL + 0x10, BASE),
    (OTHER + 0x10, BASE + 0x100),
    (DRIVER + 0x10, BASE + 0x200),
    (KERNEL + 0x20, BASE + 0x2200),
)


def test_the_driver_that_fills_the_stack_is_evidence() -> None:
    opinion = rule(overflow(*FRAMES, limit=BASE))
    fillers = [piece for piece in opinion.evidence if piece.kind is Kind.STACK_CONSUMER]
    assert [(piece.module, piece.text) for piece in fillers] == [
        ("wobblefs", "its frames take 8,192 of 8,704 bytes of the stack")
    ]
    assert not opinion.limits
    assert says(tuple(opinion.steps), "filter drivers")


def test_a_stack_with_room_left_was_not_overflowed() -> None:
    opinion = rule(overflow(*FRAMES, limit=BASE - 0x4000))
    assert Kind.STACK_CONSUMER not in {piece.kind for piece in opinion.evidence}


@pytest.mark.parametrize("limit", [Absent.NOT_CAPTURED])
def test_whether_it_overflowed_may_not_be_told(limit: Absent) -> None:
    assert says(tuple(rule(overflow(*FRAMES, limit=limit)).limits), "Whether the stack overflowed is not told")


def test_the_instruction_of_a_double_fault() -> None:
    found = verdict(0x7F, 8, 0, 0, DRIVER + 0x1010, file="wobblefs.sys")
    assert driver_of(found) == "wobblefs.sys"
    assert found.evidence[0].kind is Kind.PARAMETER


def test_other_traps_of_the_kernel_may_be_the_hardwares() -> None:
    found = verdict(0x7F, 0x12)
    assert found.kind is CulpritKind.UNDECIDED
    assert says(found.next_steps, "temperatures")
