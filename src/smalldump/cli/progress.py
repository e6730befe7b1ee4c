"""Progress: a line on the terminal while a long batch runs, and nothing of it anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain, islice

from smalldump.cli.outcomes import Outcome

__all__ = ["watched"]

_HANDFUL = 8


def watched(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """The same outcomes, counted on standard error as they pass.

    Only for more than a handful, only if that is a terminal, and not where the outcomes themselves appear there.
    """
    yield from islice(outcomes, _HANDFUL)
    one_more = next(outcomes, None)
    if one_more is not None:
        rest = chain([one_more], outcomes)
        yield from _counted(rest) if sys.stderr.isatty() and not sys.stdout.isatty() else rest


def _counted(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    parts = (
        SpinnerColumn("line"),
        TextColumn("{task.completed} dumps"),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*parts, console=Console(stderr=True), transient=True, redirect_stdout=False) as line:
        task = line.add_task("", total=None, completed=_HANDFUL)
        for outcome in outcomes:
            line.update(task, advance=1, description=outcome.name)
            yield outcome
