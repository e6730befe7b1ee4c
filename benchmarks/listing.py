"""Listing: the Minidump directory with 10,000 dumps, against opening each file and reading its first 8 KiB.

Both numbers come from one run on one machine, with all files in the system's cache: read the ratio.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

from smalldump.minidumps import MinidumpDirectory, file_name, peek_file
from smalldump.minidumps.clock import crash_date
from smalldump.model import Absent

__all__ = ["main"]

_FILES = 10_000
_ROUNDS = 3


def main(folder: Path) -> None:
    """Print the times for the dumps of a folder, linked until there are enough of them."""
    dumps = sorted(path for path in folder.rglob("*.dmp") if peek_file(path).state.readable)
    with tempfile.TemporaryDirectory() as place:
        _fill(Path(place), dumps)
        ours = _best(lambda: MinidumpDirectory(place).by_time())
        reference = _best(lambda: _read_heads(place))
    print(f"{'listing':32} {'ms':>10} {'µs/file':>10}")
    for name, taken in ((f"by_time, {_FILES:,} files", ours), ("scandir, open, read 8 KiB", reference)):
        print(f"{name:32} {taken * 1e3:10.0f} {taken / _FILES * 1e6:10.1f}")
    print(f"ratio {ours / reference:.1f}")


def _fill(place: Path, dumps: list[Path]) -> None:
    # One copy of each dump, then hard links to it: 10,000 real dumps would be gigabytes.
    copies = [Path(shutil.copy(dump, place / f"copy {number}")) for number, dump in enumerate(dumps)]
    for number, copy in enumerate(islice(cycle(copies), _FILES)):
        facts = peek_file(copy).facts
        time_and_build = (facts, facts) if isinstance(facts, Absent) else (facts.time, facts.build)
        name = file_name(time_and_build[1], crash_date(time_and_build[0]).day, 1000 + number, 1 + number)
        os.link(copy, place / name)


def _read_heads(place: str) -> int:
    read = 0
    with os.scandir(place) as files:
        for file in files:
            descriptor = os.open(file.path, os.O_RDONLY)
            read += len(os.read(descriptor, 0x2000))
            os.close(descriptor)
    return read


def _best(run: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main(Path("examples"))
