"""Stacks of ARM64.

Contexts and exception records are left out of the search for return addresses; what is left goes to the scan, which
follows frame records and code. Source: winnt.h (CONTEXT, EXCEPTION_RECORD).
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
