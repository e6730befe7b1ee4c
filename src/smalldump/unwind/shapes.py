"""Structures on a stack, known by the shape of their fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from smalldump.layout.context import ExceptionRecord32, ExceptionRecord64
from smalldump.memory import RangeMap
from smalldump.unwind.architecture import Interruption, Shapes
from smalldump.unwind.view import StackView

__all__ = ["exception_records", "flags_fit", "places", "shapes_of"]

_MOST_PARAMETERS = 15
_FLAGS_FIXED, _FLAGS_SET = 0xFFC0802A, 0x2


def shapes_of(interruptions: Sequence[Interruption], others: Iterable[tuple[int, int]]) -> Shapes:
    """What was found, put together: trap frames, and the ranges `(start, end)` of other structures."""
    ranges = [*((trap.start, trap.end) for trap in interruptions), *others]
    return Shapes(interruptions, RangeMap((start, end, True) for start, end in ranges))


def places(view: StackView, offset: int, mask: int, wanted: tuple[int, ...], step: int = 16) -> list[int]:
    """Where structures may start whose word at byte `offset`, masked, is one of the `wanted` values; ascending.

    Args:
        step: Alignment of the structure, a multiple of the word.
    """
    size = view.size
    offset &= -size
    first = (-view.start % step + offset) // size
    words = enumerate(view.words[first :: step // size])
    return [view.start + first * size + at * step - offset for at, word in words if word & mask in wanted]


def flags_fit(word: int) -> bool:
    """Whether `word` can be EFLAGS: the bits that never change are as they are. Source: Intel SDM volume 1, §3.4.3."""
    return word & _FLAGS_FIXED == _FLAGS_SET


def exception_records(
    view: StackView, layout: type[ExceptionRecord32 | ExceptionRecord64]
) -> Iterator[tuple[int, int]]:
    """Ranges of exception records: an error or warning status, no outer record, an address in code, few parameters."""
    before = layout.exception_address.offset // view.size
    for at, address in view.pointers:
        code, record, count = _around(view, at - before, at - 1, at + 1)
        if record == 0 and _is_status(code, view.size) and count & 0xFFFFFFFF <= _MOST_PARAMETERS:
            start = view.start + (at - before) * view.size
            if view.holds_code(address) and not view.holds_code(code):
                yield start, start + layout.SIZE


# Severity warning or error, not defined by a customer's driver; with 64 bits the flags, below 0x100, share the word.
def _is_status(word: int, size: int) -> bool:
    return word & 0xA0000000 == 0x80000000 and (size == 4 or word >> 40 == 0)


def _around(view: StackView, *indices: int) -> Iterator[int]:
    return (view.words[at] if 0 <= at < len(view.words) else 0 for at in indices)
