"""How fast small dumps are written, and how much memory that takes.

    python -m benchmarks writing [SAMPLES]

A 64 KB dump is made of an open Snapshot (deciding what goes in, and the bytes) again and again; beside it 64 KB of
zeros are written and synced to disk, which is what saving takes anyway. Read the ratios, not the milliseconds.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import smalldump
from smalldump.compose import compose
from smalldump.model import Snapshot

__all__ = ["main"]

_SIZE = 65_536
_ROUNDS = 30
_SYNCS = 15


def main(folder: Path) -> None:
    """Print the table."""
    zeros = _synced_zeros()
    print(f"{_SIZE:,} bytes of zeros, written and synced: {zeros * 1e3:.2f} ms (median of {_SYNCS})\n")
    print(
        f"{'file':32} {'bytes':>10} {'64 KB ms':>9} {'/ zeros':>8} {'whole ms':>9} {'whole bytes':>12} {'peak KB':>8}"
    )
    times = []
    for path, machine in _machines(folder):
        small = _best(lambda machine=machine: compose(machine, size=_SIZE).data())  # type: ignore[misc]
        whole = _best(lambda machine=machine: compose(machine).data())  # type: ignore[misc]
        size, peak = _peak(machine)
        times.append(small)
        print(f"{path.name:32} {path.stat().st_size:10,} {small * 1e3:9.2f} {small / zeros:8.2f} ", end="")
        print(f"{whole * 1e3:9.2f} {size:12,} {peak // 1024:8,}")
    if times:
        print(f"\nmedian of a 64 KB dump: {statistics.median(times) * 1e3:.2f} ms")


def _machines(folder: Path) -> Iterator[tuple[Path, Snapshot]]:
    for path in sorted(folder.rglob("*.dmp")):
        if path.read_bytes()[:4] == b"PAGE":
            with smalldump.open(path) as machine:
                compose(machine)  # so that all facts have been read
                yield path, machine


def _best(run: Callable[[], object]) -> float:
    return min(_taken(run) for _ in range(_ROUNDS))


def _taken(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _peak(machine: Snapshot) -> tuple[int, int]:
    """Bytes of the whole dump, and the most memory that was in use beyond the open snapshot."""
    tracemalloc.start()
    try:
        size = len(compose(machine).data())
        return size, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _synced_zeros() -> float:
    with tempfile.TemporaryDirectory() as folder:
        return statistics.median(_taken(lambda: _write_synced(Path(folder) / "zeros")) for _ in range(_SYNCS))


def _write_synced(path: Path) -> None:
    with path.open("wb") as file:
        file.write(bytes(_SIZE))
        file.flush()
        os.fsync(file.fileno())
