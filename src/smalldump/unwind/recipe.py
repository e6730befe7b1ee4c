"""What leads from the body of a function to its caller, worked out once for each function: a piece of stack to read.

In the body a frame lies still: all that was saved has its place at a fixed distance from the stack pointer, or from
where the frame register points. So most steps of a walk are one read and one `unpack`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from smalldump.memory import AddressSpace

__all__ = ["Recipe", "Saved", "recipe"]

_LONGEST = 0x4000
"""Bytes of the longest frame that is read as a whole."""


class Saved(NamedTuple):
    """A register in the frame.

    Attributes:
        name: By WinDbg's name.
        at: Bytes from the frame's base.
        size: 8 or 16 bytes.
    """

    name: str
    at: int
    size: int = 8


class Recipe(NamedTuple):
    """How to read a frame.

    Attributes:
        anchor: Name of the register that the frame's base is told by.
        offset: Bytes from the base up to where that register points.
        names: What `codec` unpacks, in order.
        codec: From the base on.
        wide: Those of `names` that come as bytes: vector registers.
        size: Bytes from the base up to the caller's stack pointer.
    """

    anchor: str
    offset: int
    names: tuple[str, ...]
    codec: struct.Struct
    wide: tuple[str, ...]
    size: int

    def read(self, memory: AddressSpace, registers: Mapping[str, int], stack_pointer: str) -> dict[str, int] | None:
        """The saved registers and the caller's stack pointer, under its name; None where that cannot be done.

        The reason is for the full way of unwinding to tell.
        """
        base = registers.get(self.anchor)
        if base is None:
            return None
        base -= self.offset
        data = memory.read_some(base, self.codec.size)
        if len(data) < self.codec.size or base + self.size <= registers[stack_pointer]:
            return None
        found = dict(zip(self.names, self.codec.unpack(data), strict=True))
        for name in self.wide:
            found[name] = int.from_bytes(found[name], "little")
        found[stack_pointer] = base + self.size
        return found


def recipe(anchor: str, offset: int, saved: Iterable[Saved], size: int) -> Recipe | None:
    """Make a recipe, or None where save slots overlap or the frame is too long to be read as a whole."""
    code, position, slots = "<", 0, sorted(saved, key=lambda slot: slot.at)
    for slot in slots:
        if slot.at < position or slot.at > _LONGEST:
            return None
        code += f"{slot.at - position}x" + ("Q" if slot.size == 8 else "16s")
        position = slot.at + slot.size
    names = tuple(slot.name for slot in slots)
    if len(set(names)) < len(names):
        return None
    wide = tuple(slot.name for slot in slots if slot.size != 8)
    return Recipe(anchor, offset, names, struct.Struct(code), wide, size)
