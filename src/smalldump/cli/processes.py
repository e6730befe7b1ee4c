"""Processes: workers that start afresh everywhere (spawn), as they must on Windows, and that may die."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from smalldump.cli.exits import ExitCode
from smalldump.cli.outcomes import Outcome, Work, examine
from smalldump.intake import Origin

__all__ = ["Processes"]

_AHEAD = 3


class Processes:
    """A number of processes that do one kind of work. When one dies the others start afresh."""

    def __init__(self, work: Work, jobs: int) -> None:
        self._work, self._jobs = work, jobs
        self._pool = self._started(jobs)

    def outcomes(self, origins: Iterator[Origin]) -> Iterator[Outcome]:
        """Yield the outcomes in the order of the origins, of which a few for each process are at work at once."""
        waiting: deque[tuple[Origin, Future[Outcome]]] = deque()
        try:
            for origin in origins:
                waiting.append((origin, self._submit(origin)))
                if len(waiting) >= self._jobs * _AHEAD:
                    yield self._outcome(*waiting.popleft())
            while waiting:
                yield self._outcome(*waiting.popleft())
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _submit(self, origin: Origin) -> Future[Outcome]:
        try:
            return self._pool.submit(examine, origin, self._work)
        except BrokenProcessPool:
            self._pool.shutdown()
            self._pool = self._started(self._jobs)
            return self._pool.submit(examine, origin, self._work)

    def _outcome(self, origin: Origin, future: Future[Outcome]) -> Outcome:
        try:
            return future.result()
        except BrokenProcessPool:
            return self._alone(origin)

    def _alone(self, origin: Origin) -> Outcome:
        """A process has died, and all that were at work with it: who dies in a process of its own is at fault."""
        with self._started(1) as pool:
            try:
                return pool.submit(examine, origin, self._work).result()
            except BrokenProcessPool:
                problem = "the process that read it was killed (out of memory, or the file changed meanwhile)"
                return Outcome(origin.name, ExitCode.UNREADABLE, problem=problem)

    def _started(self, jobs: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(jobs, get_context("spawn"), _leave_interrupts_to_the_parent)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
