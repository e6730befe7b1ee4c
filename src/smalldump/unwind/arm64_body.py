"""Frames of ARM64 functions as they are in the body, worked out once for each function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from smalldump.images import PeImage
from smalldump.layout.arm64_codes import Code, Op
from smalldump.unwind.recipe import Recipe, Saved, recipe

__all__ = ["PRESERVED", "Body", "bodies_of", "body_of", "preserved"]

PRESERVED = frozenset({*(f"x{n}" for n in range(19, 29)), "fp", "lr", *(f"d{n}" for n in range(8, 16))})
"""What a function must preserve for its caller; all other registers are lost in a call."""


class Body(NamedTuple):
    """The frame of a function's body.

    Attributes:
        recipe: How to read the frame; it tells `lr`, which is the return address.
        signed: Whether that bears a signature.
    """

    recipe: Recipe
    signed: bool


_BODIES: WeakKeyDictionary[PeImage, dict[int, Body | None]] = WeakKeyDictionary()


def bodies_of(image: PeImage) -> dict[int, Body | None]:
    """What was worked out for an image, by the begin of the function; kept as long as the image is there."""
    found = _BODIES.get(image)
    if found is None:
        found = _BODIES[image] = {}
    return found


def preserved(name: str) -> str | None:
    """What of a saved register is preserved for the caller: itself, or the low half of a vector register, or None."""
    kept = "d" + name[1:] if name[0] == "q" else name
    return kept if kept in PRESERVED else None


def body_of(codes: Sequence[Code]) -> Body | None:
    """Work out the body that `codes` lead out of.

    None where it does not save `lr`, or uses codes that ask for more than a piece of stack.
    """
    anchor, offset, at, saved = "sp", 0, 0, list[Saved]()
    for code in codes:
        if code.op is Op.SAVE:
            saved += _slots(code, at)
            at += code.size
        elif code.op is Op.ALLOC:
            at += code.size
        elif code.op in (Op.SET_FP, Op.ADD_FP) and not saved:
            anchor, offset, at = "fp", code.size, 0
        elif code.op not in (Op.NOP, Op.PAC_SIGN_LR):
            return None
    made = recipe(anchor, offset, saved, at) if any(slot.name == "lr" for slot in saved) else None
    return None if made is None else Body(made, any(code.op is Op.PAC_SIGN_LR for code in codes))


def _slots(code: Code, at: int) -> list[Saved]:
    width = 16 if code.registers[0][0] == "q" else 8
    kept = [(preserved(name), at + code.offset + width * number) for number, name in enumerate(code.registers)]
    return [Saved(name, place) for name, place in kept if name is not None]
