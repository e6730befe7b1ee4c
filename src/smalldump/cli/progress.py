"""Progress on the terminal while something takes long, and nothing of it anywhere else."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from smalldump.cli.outcomes import Outcome
from smalldump.intake import Origin
from smalldump.intake.folders import files_under

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Watch", "at_work"]

_HANDFUL = 8


class Watch:
    """Counts the files of a batch on standard error: only for more than a handful, only if that is a terminal.

    How many dumps there are is not known before all archives are unpacked, so the bar counts the files that the paths
    stand for, which takes no more than listing the folders.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = list(paths)
        self._at_work: deque[Path | None] = deque()

    def origins(self, origins: Iterable[Origin]) -> Iterator[Origin]:
        """The same origins, remembered until their outcomes come."""
        for origin in origins:
            self._at_work.append(origin.path)
            yield origin

    def outcomes(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        """The same outcomes, counted as they pass; they must come in the order of the origins."""
        for outcome in islice(outcomes, _HANDFUL):
            self._at_work.popleft()
            yield outcome
        one_more = next(outcomes, None)
        if one_more is not None:
            rest = chain([one_more], outcomes)
            yield from self._shown(rest) if sys.stderr.isatty() else rest

    def _shown(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        places: dict[Path | None, int] = {path: at for at, path in enumerate(dict.fromkeys(_files(self._paths)), 1)}
        with _bar(len(places)) as (bar, task):
            for dumps, outcome in enumerate(outcomes, _HANDFUL + 1):
                done = places.get(self._at_work.popleft())
                bar.update(task, completed=done, description=outcome.name, dumps=dumps)
                with _out_of_the_way(bar):
                    yield outcome


@contextmanager
def at_work(what: str, *, long: bool) -> Iterator[Callable[[str], None]]:
    """Tell on standard error what is at work and for how long: only if it may take long, only on a terminal.

    Gives a function that takes how far it has come, in words.
    """
    if not long or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    parts = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True, redirect_stdout=False) as shown:
        task = shown.add_task(what, total=None)
        yield lambda words: shown.update(task, description=f"{what}, {words}")


def _files(paths: Iterable[str]) -> Iterator[Path]:
    for path in paths:
        if os.path.isdir(path):
            yield from (found for found in files_under(Path(path)) if isinstance(found, Path))
        else:
            yield Path(path)


@contextmanager
def _bar(files: int) -> Iterator[tuple[Progress, TaskID]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    parts = (
        BarColumn(),
        TextColumn(
            "{task.percentage:3.0f} %, {task.fields[dumps]} dumps" if files > 1 else "{task.fields[dumps]} dumps"
        ),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*parts, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        yield bar, bar.add_task("", total=files if files > 1 else None, dumps=_HANDFUL)


@contextmanager
def _out_of_the_way(bar: Progress) -> Iterator[None]:
    """Take the bar off a terminal that is about to get output."""
    if not sys.stdout.isatty():
        yield
        return
    bar.stop()
    yield
    bar.start()
