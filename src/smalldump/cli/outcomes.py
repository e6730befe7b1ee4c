"""Outcomes: what became of one dump, ready to be printed; and how a batch of them is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from smalldump.cli.console import complain, internal_error
from smalldump.cli.exits import ExitCode
from smalldump.errors import SmallDumpError, SourceUnreadable
from smalldump.intake import ByteSource, Origin, open_origin

if TYPE_CHECKING:
    from smalldump.cli.overview import Row
    from smalldump.report import Report
    from smalldump.report.trace import Trace

__all__ = ["Outcome", "Work", "examine", "told"]


class Outcome(NamedTuple):
    """What became of one dump.

    Attributes:
        name: Of the origin, safe to show.
        code: What the dump earns the program.
        text: For standard output, if there is anything.
        problem: One line for standard error, if there is anything, without the name.
        row: Of the table at the end of a batch, if it has a place there.
        trace: What relates it to the other dumps of its machine, if anything.
        report: The report, where a page is made of it.
        remark: What reading it has cost, for standard error, where that is worth a word.
    """

    name: str
    code: ExitCode
    text: str | None = None
    problem: str | None = None
    row: Row | None = None
    trace: Trace | None = None
    report: Report | None = None
    remark: str = ""


Work = Callable[[ByteSource], Outcome]
"""What is done with the bytes of each dump."""


def examine(origin: Origin, work: Work) -> Outcome:
    """Open an origin and do the work. Never raises: one bad file must not stop the rest."""
    try:
        with open_origin(origin) as source:
            return work(source)._replace(remark=source.remark)
    except SourceUnreadable as error:
        return Outcome(error.path, ExitCode.UNREADABLE, problem=error.why)
    except SmallDumpError as error:
        return Outcome(origin.name, ExitCode.UNREADABLE, problem=str(error))
    except Exception as error:  # noqa: BLE001  a mistake of ours, and no reason to keep the other dumps from anyone
        return Outcome(origin.name, ExitCode.UNREADABLE, problem=internal_error(error))


def told(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """The same outcomes, their remarks and problems told on standard error as they pass."""
    for outcome in outcomes:
        if outcome.remark:
            complain(f"{outcome.name}: {outcome.remark}")
        if outcome.problem is not None:
            complain(f"{outcome.name}: {outcome.problem}")
        yield outcome
