"""Workers: the dumps of a batch, one after the other or in several processes; outcomes come in the dumps' order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from smalldump.cli.outcomes import Outcome, Work, examine
from smalldump.intake import Origin

__all__ = ["MOST_JOBS", "outcomes_of"]

MOST_JOBS = 61
"""Windows waits for no more processes than this at once."""

# Measured: starting a process takes as long as analysing one or two dozen dumps.
_BEFORE_PROCESSES = 32


def outcomes_of(origins: Iterable[Origin], work: Work, jobs: int | None) -> Iterator[Outcome]:
    """Do the work on every origin and yield the outcomes, in the order of the origins.

    Origins are asked for only a little ahead of the work, since members of archives carry their bytes.

    Args:
        work: For more than one process it must be picklable.
        jobs: Number of processes; None for this one alone and, once there turn out to be many origins, one per
            processor.
    """
    origins = iter(origins)
    here = {None: _BEFORE_PROCESSES, 1: None}.get(jobs, 0)  # None: all of them
    for origin in islice(origins, here):
        yield examine(origin, work)
    one_more = next(origins, None)
    if one_more is not None:
        from smalldump.cli.processes import Processes  # late: multiprocessing takes as long to import as a dump to read

        yield from Processes(work, min(jobs or _processors(), MOST_JOBS)).outcomes(chain([one_more], origins))


def _processors() -> int:
    # Not os.cpu_count(): a container or a batch system may grant fewer.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
