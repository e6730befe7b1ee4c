"""Hostile files of known kinds: each ends as a report soon and in a bounded amount of memory.

Each takes less than a second on an idle machine. What the test rules out is work that grows with the square of the
file: the bound is wide, so that a busy machine makes no file slow.
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

SLOWEST = 20.0  # seconds of processor time; work that grows with the square takes longer
every_file = pytest.mark.parametrize("name", HOSTILE_FILES)


def read_in_full(data: bytes) -> None:
    """Analyse, write as JSON, print, and account for every byte."""
    report = analyze_source(ByteSource("hostile.dmp", None, memoryview(data)), detailed=True)
    report.to_json()
    render(report, verbose=True)
    file_layout(TriageFile(memoryview(data)))


@every_file
def test_hostile_files_end_soon(name: str) -> None:
    data = HOSTILE_FILES[name]()
    for work in (read_in_full, lambda data: check(memoryview(data))):
        assert seconds(work, data) < SLOWEST


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
