"""Stacks of ARM64.

Functions that call others save x29 and x30 side by side, a frame record, and let x29 point to it: a chain of records
from the innermost frame to the first one of the thread. Return addresses may carry a pointer authentication code in
the bits above the address. Source: Microsoft's ARM64 calling convention; Arm ARM D8.8 (pointer authentication).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from smalldump.layout.context import ContextArm64, ExceptionRecord64
from smalldump.unwind.architecture import Architecture, Caller, Leg, Shapes, State
from smalldump.unwind.callsite import arm64_call, call_site
from smalldump.unwind.frames import FrameTrust
from smalldump.unwind.scan import CALL_SEEN, SLOT, Candidate, best_chain
from smalldump.unwind.shapes import exception_records, places, shapes_of
from smalldump.unwind.view import StackView

__all__ = ["ARCHITECTURE", "without_authentication"]

_LEAST = 0x10
_SIGN = 1 << 55
_ADDRESS = (1 << 48) - 1
_LOOK_AHEAD = 0x100


def without_authentication(pointer: int) -> int:
    """`pointer` with the bits above its 48 address bits set as bit 55 says: to ones for the kernel, to zeros else."""
    return pointer | 0xFFFF << 48 if pointer & _SIGN else pointer & _ADDRESS


def shapes(view: StackView) -> Shapes:
    """Contexts and exception records. The layout of trap frames is not known; frame records lead across them."""
    return shapes_of((), [*_contexts(view), *exception_records(view, ExceptionRecord64)])


def by_frame_pointer(leg: Leg) -> list[Caller]:
    """The chain of frame records; before it the link register, where the innermost function has not saved it."""
    view, low, fp = leg.view, leg.state.sp, leg.state.fp
    first = _from_link(view, leg.state)
    callers = [] if first is None else [first]
    while fp is not None and low <= fp < leg.limit - 8:
        saved, link = view.run(fp, 2) or (0, 0)
        address = without_authentication(link)
        if fp % 8 or returns(view, address) is False:
            break
        # A record that leads out of the stack is the last one, just as one that leads nowhere.
        callers.append(Caller(address, fp + 16, FrameTrust.FRAME_POINTER, saved if saved in view else 0))
        fp, low = saved, fp + 16
    return callers


def by_scan(leg: Leg) -> list[Caller]:
    """The best chain of possible return addresses, where frame records count as links; none behind the last record."""
    if leg.state.fp == 0:
        return []
    candidates = [
        Candidate(slot, address, SLOT + worth, _next(leg.view, slot)) for slot, address, worth in _possible(leg)
    ]
    chain = best_chain(candidates, leg.state.sp, _LEAST)
    return [Caller(c.address, c.slot + 8, FrameTrust.SCAN) for c in chain]


def returns(view: StackView, address: int) -> bool | None:
    """Whether an address lies in code, behind a call; None where the code before it is not there."""
    return call_site(view.memory, address, arm64_call).found if address % 4 == 0 and view.holds_code(address) else False


ARCHITECTURE = Architecture(shapes, returns, (by_frame_pointer, by_scan))


def _possible(leg: Leg) -> Iterator[tuple[int, int, float]]:
    view = leg.view
    (lowest, highest), first = view.code, max(view.index(leg.state.sp), 0)
    for slot, word in zip(
        count(view.start + 8 * first, 8), view.words[first : max(view.index(leg.limit), 0)], strict=False
    ):
        address = without_authentication(word)
        if not lowest <= address < highest or address % 4 or not view.holds_code(address):
            continue
        found = call_site(view.memory, address, arm64_call).found
        if found is not False and not leg.shapes.ranges.at(slot):
            yield slot, address, CALL_SEEN if found else 0


def _next(view: StackView, slot: int) -> int | None:
    saved = view.word(slot - 8)
    if saved is None or saved <= slot or saved % 8:
        return None
    link = view.word(saved + 8)
    return saved + 8 if link is not None and returns(view, without_authentication(link)) is not False else None


def _from_link(view: StackView, state: State) -> Caller | None:
    if state.link is None or state.pc is None:
        return None
    address = without_authentication(state.link)
    if returns(view, address) is False or not _link_is_live(view.memory.read_some(state.pc, _LOOK_AHEAD)):
        return None
    site = call_site(view.memory, address, arm64_call)
    trust = FrameTrust.CALL_PROVED if site.target == state.pc else FrameTrust.SCAN
    return Caller(address, state.sp, trust, state.fp)


# Whether x30 still is the return address: the code ahead saves it or returns, and neither restores it nor calls.
def _link_is_live(code: bytes) -> bool:
    for at in range(0, len(code) - 3, 4):
        word = int.from_bytes(code[at : at + 4], "little")
        if word & 0xFE407C00 == 0xA8007800 or word & 0xFFE0001F == 0xF800001E:
            return True
        if word & 0xFFFFFC1F == 0xD65F0000 or word & 0xFFFFFBFF == 0xD65F0BFF:
            return True
        if word & 0xFE407C00 == 0xA8407800 or word & 0xFFE0001F == 0xF840001E or _calls(word):
            return False
    return False


def _calls(word: int) -> bool:
    return arm64_call(word.to_bytes(4, "little"), 0).found is True


def _contexts(view: StackView) -> Iterator[tuple[int, int]]:
    for start in places(view, 0, 0x07FF0000, (0x400000,)):
        words = view.run(start + ContextArm64.sp.offset, 2)
        if words and words[0] in view and view.holds_code(words[1]):
            yield start, start + ContextArm64.SIZE
