"""Call stacks out of a saved piece of stack: which frames, and how sure each of them is."""

from __future__ import annotations

from smalldump.unwind.frames import CallStack, Frame, FrameTrust, Stacks, WalkEnd
from smalldump.unwind.walk import walk

__all__ = ["CallStack", "Frame", "FrameTrust", "Stacks", "WalkEnd", "walk"]
