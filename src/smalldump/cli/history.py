"""What the dumps of one machine tell together, below the table of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smalldump.escape import escape
from smalldump.report.history import machines_of
from smalldump.report.shown import counted, paragraph
from smalldump.report.trace import Trace

__all__ = ["together"]

_MOST_DUMPS = 5_000
_MOST_MACHINES = 20


def together(traces: Sequence[Trace], width: int) -> Iterator[str]:
    """Lines on each machine of which there are several dumps; none where they tell nothing together.

    Past 5,000 dumps there are none: they are a fleet's, which is looked at in other ways.
    """
    if len(traces) > _MOST_DUMPS:
        return
    telling = [machine for machine in machines_of(traces) if machine.relations]
    for machine in telling[:_MOST_MACHINES]:
        yield ""
        yield from paragraph(escape(f"Together: {machine.words}"), width)
        for relation in machine.relations:
            yield from paragraph(escape(relation.text), width, "  - ", "    ")
    if len(telling) > _MOST_MACHINES:
        yield f"and {counted(len(telling) - _MOST_MACHINES, 'more machine')}"
