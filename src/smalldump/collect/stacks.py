"""Stacks beyond the saved one: deferred calls and some interrupts run on stacks of their own, and lead back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smalldump.collect.threads import stack_bytes
from smalldump.model import Absent, Snapshot
from smalldump.model.requests import RangeRequest, Rank
from smalldump.unwind import Frame

__all__ = ["stacks_beyond"]

_BELOW = 0x200  # registers that were saved where the stack was changed
_BEHIND = 0x1000  # of the outermost frame, where the base of the stack is not known


def stacks_beyond(machine: Snapshot, frames: Iterable[Frame]) -> Iterator[RangeRequest]:
    """The pieces of other stacks that a walk led over, up to the base of the thread's own."""
    window, places = machine.stack, sorted({frame.sp for frame in frames})
    outside = [sp for sp in places if isinstance(window, Absent) or sp not in window]
    while outside:
        start = outside[0]
        piece = [sp for sp in outside if sp - start < stack_bytes(machine)]
        if start >= machine.machine.kernel_start:
            end = _end(machine, start, piece[-1])
            yield RangeRequest(start - _BELOW, end - start + _BELOW, "stack that the walk led to", rank=Rank.UNWIND)
        outside = outside[len(piece) :]


def _end(machine: Snapshot, start: int, last: int) -> int:
    thread = machine.thread
    base = thread if isinstance(thread, Absent) else thread.stack_base
    if not isinstance(base, Absent) and last <= base < start + stack_bytes(machine):
        return base
    return last + _BEHIND
