"""Stacks of x86.

Most kernel functions push EBP and let it point to where the old value lies, right below the return address: a chain
of frames. Functions without such a frame leave gaps in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from smalldump.layout.context import ContextX86, ExceptionRecord32, KtrapFrameX86
from smalldump.model.machine import X86
from smalldump.unwind.architecture import Architecture, Caller, Interruption, Leg, Shapes, State
from smalldump.unwind.callsite import call_site, x86_call
from smalldump.unwind.frames import FrameTrust
from smalldump.unwind.scan import CALL_SEEN, SLOT, Candidate, best_chain
from smalldump.unwind.shapes import exception_records, flags_fit, places, shapes_of
from smalldump.unwind.view import StackView

__all__ = ["ARCHITECTURE"]

_LEAST = 8
_CODE = _KERNEL_CS, _USER_CS = 0x08, 0x1B
_DATA_SELECTOR = 0x23
_ENTRY_CODE = (b"\x8b\xff\x55", b"\x55\x8b\xec")
"""How functions begin: `mov edi, edi; push ebp` or `push ebp; mov ebp, esp`."""
_SEG_ES = 0x34
"""Offset of SegEs and SegDs in a KTRAP_FRAME, which entry code sets to the data selector."""
_decode = partial(x86_call, mask=X86.mask)


def shapes(view: StackView) -> Shapes:
    """Trap frames, contexts and exception records, each known by fields that must fit."""
    interruptions = list(_interruptions(view))
    ranges = [*_contexts(view), *exception_records(view, ExceptionRecord32)]
    return shapes_of(interruptions, ranges)


def by_frame_pointer(leg: Leg) -> list[Caller]:
    """The chain of EBP; before it the caller of a function that has only just been entered."""
    view, low, fp = leg.view, leg.state.sp, leg.state.fp
    first = _entered_from(view, leg.state)
    callers = [] if first is None else [first]
    while fp is not None and low <= fp < leg.limit - 4:
        saved, address = view.run(fp, 2) or (0, 0)
        if fp % 4 or not view.holds_code(address) or call_site(view.memory, address, _decode).found is False:
            break
        callers.append(Caller(address, fp + 8, FrameTrust.FRAME_POINTER, saved))
        fp, low = saved, fp + 8
    return callers


def by_scan(leg: Leg) -> list[Caller]:
    """The best chain of possible return addresses, where saved values of EBP that lead on count as links."""
    candidates = [
        Candidate(slot, address, SLOT + worth, _next(leg.view, slot)) for slot, address, worth in _possible(leg)
    ]
    chain = best_chain(candidates, leg.state.sp, _LEAST, last=leg.limit - 4 if leg.anchored else None)
    return [Caller(c.address, c.slot + 4, FrameTrust.SCAN) for c in chain]


def returns(view: StackView, address: int) -> bool | None:
    """Whether an address lies in code, behind a CALL; None where the code before it is not there."""
    return call_site(view.memory, address, _decode).found if view.holds_code(address) else False


ARCHITECTURE = Architecture(shapes, returns, (by_frame_pointer, by_scan))


def _possible(leg: Leg) -> Iterator[tuple[int, int, float]]:
    view = leg.view
    for at, value in view.pointers_in(leg.state.sp, leg.limit):
        slot = view.start + 4 * at
        if leg.shapes.ranges.at(slot) or not view.holds_code(value):
            continue
        site = call_site(view.memory, value, _decode)
        if site.found or (site.found is None and value % 16):
            yield slot, value, CALL_SEEN if site.found else 0


def _next(view: StackView, slot: int) -> int | None:
    saved = view.word(slot - 4)
    if saved is None or saved <= slot or saved % 4 or not view.holds_code(view.word(saved + 4) or 0):
        return None
    return saved + 4


# At its first instruction a function has pushed nothing yet.
def _entered_from(view: StackView, state: State) -> Caller | None:
    address = view.word(state.sp)
    if state.pc is None or address is None or not view.holds_code(address):
        return None
    if state.pc % 16 and not view.memory.read_some(state.pc, 3).startswith(_ENTRY_CODE):
        return None
    site = call_site(view.memory, address, _decode)
    if site.found is False:
        return None
    trust = FrameTrust.CALL_PROVED if site.target == state.pc else FrameTrust.SCAN
    return Caller(address, state.sp + 4, trust, state.fp)


def _interruptions(view: StackView) -> Iterator[Interruption]:
    for start in places(view, KtrapFrameX86.seg_cs.offset, 0xFFFF, _CODE, 4):
        if start >= view.start and start + KtrapFrameX86.hardware_esp.offset <= view.end:
            yield from _interruption(view, start)


# The processor pushes stack pointer and segment only when it comes from user mode; else the frame ends before them.
def _interruption(view: StackView, start: int) -> Iterator[Interruption]:
    eip, cs, flags = view.run(start + KtrapFrameX86.eip.offset, 3)
    selectors = view.run(start + _SEG_ES, 2)
    (ebp,) = view.run(start + KtrapFrameX86.ebp.offset, 1)
    if not flags_fit(flags) or any(word & 0xFFFF != _DATA_SELECTOR for word in selectors):
        return
    end = start + KtrapFrameX86.hardware_esp.offset
    if cs & 0xFFFF == _KERNEL_CS:
        yield Interruption(start, end, State(eip, end, ebp), False)
    elif (outer := view.run(end, 2)) and max(eip, outer[0]) < X86.kernel_start:
        yield Interruption(start, end + 8, State(eip, outer[0], ebp), True)


def _contexts(view: StackView) -> Iterator[tuple[int, int]]:
    for start in places(view, 0, 0x07FFFF00, (0x10000,), 4):
        data = view.run(start + ContextX86.seg_es.offset, 2) or (0, 0)
        cs, flags = view.run(start + ContextX86.seg_cs.offset, 2) or (0, 0)
        if all(word & 0xFFFF == _DATA_SELECTOR for word in data) and cs & 0xFFFF in _CODE and flags_fit(flags):
            yield start, start + ContextX86.SIZE
