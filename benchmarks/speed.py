"""Speed: from open to JSON for each sample, against SHA-256 over the same bytes; and cold starts.

All numbers of one table come from one run on one machine: read the ratios, not the milliseconds.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import smalldump

_ROUNDS = 15
_STARTS = 15


def main(folder: Path) -> None:
    """Print both tables."""
    dumps = sorted(path for path in folder.rglob("*.dmp") if path.read_bytes()[:4] == b"PAGE")
    triage(dumps)
    cold_starts(dumps[0])


def triage(dumps: list[Path]) -> None:
    """Open to JSON against SHA-256, per file and in total."""
    print(f"{'file':32} {'bytes':>10} {'triage ms':>10} {'sha256 ms':>10} {'ratio':>6}")
    rows = [(path, *_measure(path)) for path in dumps]
    for path, size, ours, reference in rows:
        print(f"{path.name:32} {size:10,} {ours * 1e3:10.2f} {reference * 1e3:10.2f} {ours / reference:6.1f}")
    ours, reference = sum(row[2] for row in rows), sum(row[3] for row in rows)
    print(f"{'all':32} {sum(row[1] for row in rows):10,} {ours * 1e3:10.2f} {reference * 1e3:10.2f} ", end="")
    print(f"{ours / reference:6.1f}")
    print(f"median triage {statistics.median(row[2] for row in rows) * 1e3:.2f} ms")


def _measure(path: Path) -> tuple[int, float, float]:
    data = path.read_bytes()
    ours = _best(lambda: smalldump.analyze(path).to_json())
    return len(data), ours, _best(lambda: hashlib.sha256(data).hexdigest())


def _best(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def cold_starts(dump: Path) -> None:
    """New processes: `smalldump --help` and `smalldump analyze`, against `python -c pass`."""
    command = shutil.which("smalldump", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if command is None:
        sys.exit("smalldump is not installed in this environment")
    reference = _start([sys.executable, "-c", "pass"])
    print(f"\n{'cold start':32} {'ms':>10} {'ratio':>6}")
    print(f"{'python -c pass':32} {reference * 1e3:10.1f} {1:6.1f}")
    for words in (["--help"], ["analyze", str(dump)]):
        taken = _start([command, *words])
        print(f"{'smalldump ' + words[0]:32} {taken * 1e3:10.1f} {taken / reference:6.1f}")


def _start(command: list[str]) -> float:
    # As after an installation: with compiled modules, which the first start may have to write.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(_STARTS + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])
