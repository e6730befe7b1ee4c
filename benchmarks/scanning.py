"""Scanning: page tables out of a raw image of memory without any register, against reading the same bytes.

All numbers come from one run on one machine, with the image in memory: read the ratio.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from functools import partial

from smalldump.memory import MappedFile, Run, RunSpace
from smalldump.sources.discovery.root_scan import scanned_roots

__all__ = ["main"]

_SIZE, _PAGE, _CHUNK = 256 << 20, 0x1000, 1 << 20
_ROUNDS = 3


def main() -> None:
    """Print GB/s for memory of each kind; no page in it is a root, so that all of it is scanned."""
    print(f"{f'{_SIZE >> 20} MiB of':24} {'scan GB/s':>10} {'read GB/s':>10} {'ratio':>6}")
    for name, make in (("zeros", bytes), ("random bytes", _random), ("page tables", _tables), ("a mixture", _mixture)):
        data = make(_CHUNK) * (_SIZE // _CHUNK)
        space = RunSpace(MappedFile(data), [Run(0, len(data), 0)], len(data))
        scan = _best(partial(_scan, space))
        read = _best(partial(_read, space))
        print(f"{name:24} {_SIZE / scan / 1e9:10.1f} {_SIZE / read / 1e9:10.1f} {scan / read:6.1f}")


def _random(size: int) -> bytes:
    return random.Random(1).randbytes(size)


def _tables(size: int) -> bytes:
    # Valid entries with the flags that Windows uses, to pages anywhere in 16 GB.
    rng = random.Random(2)
    return struct.pack(f"<{size // 8}Q", *(rng.randrange(1 << 22) << 12 | 0x8000000000000863 for _ in range(size // 8)))


def _mixture(size: int) -> bytes:
    # Mostly other data, some zeros, one page of tables in sixteen.
    other, tables = _random(size), _tables(size)
    pages = (tables if n % 16 == 0 else bytes(size) if n % 3 == 0 else other for n in range(size // _PAGE))
    return b"".join(data[n * _PAGE : (n + 1) * _PAGE] for n, data in enumerate(pages))


def _scan(space: RunSpace) -> int:
    return sum(1 for _ in scanned_roots(space, _SIZE << 6, _SIZE))


def _read(space: RunSpace) -> int:
    return sum(len(space.read_some(at, _CHUNK)) for at in range(0, _SIZE, _CHUNK))


def _best(run: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
