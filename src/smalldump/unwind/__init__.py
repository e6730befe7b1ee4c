"""Call stacks out of a saved piece of stack: which frames, and how sure each of them is."""

from __future__ import annotations

from smalldump.unwind.frames import CallStack, Frame, FrameTrust, Stacks, WalkEnd
from smalldump.unwind.lookup import NO_CODE, CodeLookup
from smalldump.unwind.walk import walk, walk_from

__all__ = [
    "NO_CODE",
    "CallStack",
    "CodeLookup",
    "Frame",
    "FrameTrust",
    "Stacks",
    "WalkEnd",
    "walk",
    "walk_from",
]
