"""Whole stacks with images: smalldump beside Microsoft's engine, on the same dumps with the same images.

    python -m benchmarks.engine_stacks

Emulated code is grafted into kernels and written as small dumps (see `tests/truth/grafting.py`). The engine's start-up
does not count: what counts is how much longer it takes with many `kn` than with one. It runs under Wine, which costs
system calls more than computing. Ours is timed warm in the same way, and cold: open the dump, find the image, walk.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.oracle.engine import available, engine
from tests.truth.grafting import graft
from tests.truth.oracle_cases import CaseFile, case_files

from smalldump.api import lookup_for, open_dump, write
from smalldump.symbols.sources import SymbolSources
from smalldump.unwind import walk

_CASE, _TIMES = 7, 400


def main() -> None:
    """Print a row for each image."""
    files = [*case_files("x64"), *case_files("arm64")]
    if reason := available() or ("" if files else "no oracle cases beside the samples"):
        print(f"stacks beside Microsoft's engine: {reason}")
        return
    print(f"{'image':32} {'frames':>6} {'engine ms':>10} {'warm ms':>8} {'cold ms':>8} {'warm/engine':>12}")
    for file in files:
        with TemporaryDirectory() as folder:
            print(_row(file, Path(folder)))


def _row(file: CaseFile, folder: Path) -> str:
    found = graft(file, file.cases[_CASE])
    dump = folder / "grafted.dmp"
    (folder / file.image).write_bytes(file.data)
    write(found.machine, to=dump, contributors=())
    theirs = _engine_seconds(dump, folder)
    cold = _best(lambda: _cold(dump, folder))
    with open_dump(dump) as machine, SymbolSources(images=[folder]) as files:
        lookup = lookup_for(machine, files)
        frames = len(walk(machine, lookup).crash.frames)
        warm = _best(lambda: walk(machine, lookup))
    times = f"{theirs * 1e3:10.2f} {warm * 1e3:8.2f} {cold * 1e3:8.2f} {warm / theirs:12.2f}"
    return f"{file.name:32} {frames:6} {times}"


def _cold(dump: Path, images: Path) -> None:
    with open_dump(dump) as machine, SymbolSources(images=[images]) as files:
        walk(machine, lookup_for(machine, files))


def _engine_seconds(dump: Path, images: Path) -> float:
    windows = str(images).replace("/", "\\")
    start = [f".exepath Z:{windows}", ".reload", "kn 40"]
    few = _best(lambda: engine(dump, *start), 2)
    many = _best(lambda: engine(dump, *start, *["kn 40"] * _TIMES), 2)
    return max(many - few, 1e-6) / _TIMES


def _best(run: Callable[[], object], rounds: int = 5) -> float:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return min(times)


if __name__ == "__main__":
    main()
