"""Downloads on the terminal: how many files of how many, and how many bytes; nothing of it anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Downloads", "downloads"]


class Downloads:
    """Shows how far downloads are; without a bar, nothing. Called by the threads that download."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar, self._lock, self._bytes = bar, Lock(), dict[str, int]()
        self._task = None if bar is None else bar.add_task("", total=None)

    def __call__(self, url: str, done: int, total: int | None) -> None:
        """A download has come so far."""
        del total
        if self._bar is None or self._task is None:
            return
        with self._lock:
            self._bytes[url] = done
            what = f"{sum(self._bytes.values()) / 1e6:,.1f} MB  {url.rpartition('/')[2]}"
        self._bar.update(self._task, description=what)

    def count(self, done: int, total: int) -> None:
        """So many of so many files are settled."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total)


@contextmanager
def downloads() -> Iterator[Downloads]:
    """Show downloads on standard error while this lasts, if that is a terminal."""
    if not sys.stderr.isatty():
        yield Downloads(None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    parts = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*parts, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        yield Downloads(bar)
