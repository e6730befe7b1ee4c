"""Hostile files of known kinds: each ends as a report within a second and a bounded amount of memory.

Processor time counts, and the better of two runs: a busy machine makes no file slow.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable

import pytest

from smalldump.api import analyze_source
from smalldump.checking import check
from smalldump.checking.claims import file_layout
from smalldump.intake import ByteSource
from smalldump.report.text import render
from smalldump.sources.small import SmallDump
from smalldump.sources.triage_file import TriageFile
from tests.hostile_files import HOSTILE_FILES

SLOWEST = 1.0  # seconds
every_file = pytest.mark.parametrize("name", HOSTILE_FILES)


def read_in_full(data: bytes) -> None:
    """Analyse, write as JSON, print, and account for every byte."""
    report = analyze_source(ByteSource("hostile.dmp", None, memoryview(data)), detailed=True)
    report.to_json()
    render(report, verbose=True)
    file_layout(TriageFile(memoryview(data)))


@every_file
def test_hostile_files_take_less_than_a_second(name: str) -> None:
    data = HOSTILE_FILES[name]()
    for work in (read_in_full, lambda data: check(memoryview(data))):
        assert min(seconds(work, data) for _ in range(2)) < SLOWEST


def seconds(work: Callable[[bytes], object], data: bytes) -> float:
    gc.freeze()  # what thousands of other tests left behind is nothing to walk through here
    start = time.process_time()
    work(data)
    taken = time.process_time() - start
    gc.unfreeze()
    return taken


@every_file
def test_hostile_files_take_no_more_than_four_times_the_file_and_50_megabytes(name: str) -> None:
    data = HOSTILE_FILES[name]()
    tracemalloc.start()
    try:
        read_in_full(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(data) + 50 * 2**20


@every_file
def test_hostile_files_are_small_dumps_that_can_be_read(name: str) -> None:
    """What makes them costly must be reached: none is refused, and none is cut."""
    result = check(memoryview(HOSTILE_FILES[name]()))
    assert isinstance(result.dump, SmallDump)
    assert not result.dump.file.cut
    assert not {finding.code for finding in result.findings} & {"file-cut", "section-out-of-range", "marker-missing"}
