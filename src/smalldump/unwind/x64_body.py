"""Frames of x64 functions as they are in the body, worked out once for each function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from smalldump.images import PeImage
from smalldump.layout.unwind_info import REGISTERS, Op, UnwindCode, UnwindInfo
from smalldump.unwind.recipe import Recipe, Saved, recipe

__all__ = ["Body", "bodies_of", "body_of"]

_SAVES = {Op.SAVE_NONVOL: 8, Op.SAVE_NONVOL_FAR: 8, Op.SAVE_XMM128: 16, Op.SAVE_XMM128_FAR: 16}
_ALLOCATIONS = (Op.ALLOC_SMALL, Op.ALLOC_LARGE)
_VOLATILE = frozenset({"rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "rsp", *(f"xmm{n}" for n in range(6))})


class Body(NamedTuple):
    """The frame of a function's body.

    Attributes:
        start: RVA where the body begins.
        recipe: How to read the frame; it tells `rip` too.
    """

    start: int
    recipe: Recipe


_BODIES: WeakKeyDictionary[PeImage, dict[int, Body | None]] = WeakKeyDictionary()


def bodies_of(image: PeImage) -> dict[int, Body | None]:
    """What was worked out for an image, by the begin of the function's entry; kept as long as the image is there."""
    found = _BODIES.get(image)
    if found is None:
        found = _BODIES[image] = {}
    return found


def body_of(begin: int, infos: Sequence[UnwindInfo]) -> Body | None:
    """Work out the body of the function at `begin`, by its entry's and then its chained entries' information.

    None where no frame is described, and where a machine frame, or a frame register that is not set up in the usual
    order, asks for more than that.
    """
    frames = {(info.frame_register, info.frame_offset) for info in infos}
    if len(frames) > 1 or not any(info.codes for info in infos):
        return None
    anchor, offset = frames.pop()
    found = _saved([info.codes for info in infos], anchor)
    if found is None:
        return None
    saved, size = found
    kept = [slot for slot in saved if slot.name not in _VOLATILE]
    made = recipe(anchor or "rsp", offset if anchor else 0, [*kept, Saved("rip", size)], size + 8)
    return None if made is None else Body(begin + infos[0].size_of_prolog, made)


# Save slots, and bytes from the frame's base up to the return address.
def _saved(parts: Sequence[Sequence[UnwindCode]], anchor: str | None) -> tuple[list[Saved], int] | None:
    saved, at, settled = list[Saved](), 0, anchor is None
    for codes in parts:
        frame = at if anchor is None else 0
        for code in codes:
            if code.op in _SAVES:
                width = _SAVES[code.op]
                saved.append(
                    Saved(REGISTERS[code.info] if width == 8 else f"xmm{code.info}", frame + code.value, width)
                )
            elif code.op in _ALLOCATIONS:
                at += code.value
            elif code.op is Op.PUSH_NONVOL and settled:
                saved.append(Saved(REGISTERS[code.info], at))
                at += 8
            elif code.op is Op.SET_FPREG and all(slot.name != anchor for slot in saved):
                at, settled = 0, True
            else:
                return None
    return (saved, at) if settled else None
