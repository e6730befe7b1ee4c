"""Speed: opening a PDB and looking symbols up, against SHA-256 over the same bytes and a search in plain lists.

All numbers of one table come from one run on one machine, in time of the processor: read the ratios, not the
milliseconds. `python -m benchmarks.symbols PDB…`
"""

from __future__ import annotations

import hashlib
import random
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.symbols.corpus import SetUpFailed, wheel_pdbs

from smalldump.symbols.pdb import Pdb, open_pdb, public_places

_ROUNDS = 5
_ASKED = 4_000


def main(paths: Iterable[Path] | None = None) -> None:
    """Print a row for each PDB: those given, else those of public wheels, where they can be had."""
    try:
        found = list(wheel_pdbs() if paths is None else paths)
    except SetUpFailed as error:
        print(f"no PDBs to measure: {error}")
        return
    heads = ("open ms", "first ms", "again us", "bisect us", "lines us", "sha256 ms")
    print(f"{'PDB':32} {'bytes':>10} " + " ".join(f"{head:>10}" for head in heads))
    for path in found:
        print(f"{path.parent.name[:8] + '/' + path.name:32} {path.stat().st_size:10,} ", end="")
        print(" ".join(f"{time:10.2f}" for time in _times(path)))


def _times(path: Path) -> list[float]:
    data = path.read_bytes()
    rvas = _code(open_pdb(path))
    opened = _best(lambda: open_pdb(path).identity) * 1e3
    first = _best(lambda: open_pdb(path).nearest(rvas[0])) * 1e3
    return [opened, first, *_lookups(open_pdb(path), rvas), _best(lambda: hashlib.sha256(data).digest()) * 1e3]


def _code(pdb: Pdb) -> list[int]:
    chance = random.Random(1)
    places = [rva for rva, public in public_places(pdb) if public.flags & 2]
    return [chance.choice(places) + chance.randrange(8) for _ in range(_ASKED)]


def _lookups(pdb: Pdb, rvas: list[int]) -> list[float]:
    """Microseconds for a symbol, for the same in lists of everything (the least that is possible), for a line."""
    known = sorted((rva, public.name) for rva, public in public_places(pdb))
    starts = [rva for rva, _ in known]
    symbols = _best(lambda: [pdb.nearest(rva) for rva in rvas])
    plain = _best(lambda: [known[bisect_right(starts, rva) - 1] for rva in rvas])
    lines = _best(lambda: [pdb.line(rva) for rva in rvas])
    return [seconds / len(rvas) * 1e6 for seconds in (symbols, plain, lines)]


def _best(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


if __name__ == "__main__":
    import sys

    main([Path(name) for name in sys.argv[1:]])
