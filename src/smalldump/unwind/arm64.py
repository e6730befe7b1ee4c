"""Stacks of ARM64.

Functions that call others save x29 and x30 side by side, a frame record, and let x29 point to it: a chain of records
from the innermost frame to the first one of the thread. Return addresses may carry a pointer authentication code in
the bits above the address. Source: Microsoft's ARM64 calling convention; Arm ARM D8.8 (pointer authentication).
"""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.layout.context import ContextArm64, ExceptionRecord64
from smalldump.unwind.architecture import Architecture, Shapes
from smalldump.unwind.arm64_candidates import returns
from smalldump.unwind.arm64_scan import by_scan
from smalldump.unwind.shapes import exception_records, places, shapes_of
from smalldump.unwind.view import StackView

__all__ = ["ARCHITECTURE"]


def shapes(view: StackView) -> Shapes:
    """Contexts and exception records. The layout of trap frames is not known; frame records lead across them."""
    return shapes_of((), [*_contexts(view), *exception_records(view, ExceptionRecord64)])


ARCHITECTURE = Architecture(shapes, returns, (by_scan,))


def _contexts(view: StackView) -> Iterator[tuple[int, int]]:
    for start in places(view, 0, 0x07FF0000, (0x400000,)):
        words = view.run(start + ContextArm64.sp.offset, 2)
        if words and words[0] in view and view.holds_code(words[1]):
            yield start, start + ContextArm64.SIZE
