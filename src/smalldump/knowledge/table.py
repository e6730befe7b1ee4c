"""Sorted text tables, read a few lines at a time.

A table is an ASCII file whose lines stand in the byte order of their keys, so it is its own index: bisection reads a
few KB of it. Lines that start with `#` sort before every key and are comments.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

__all__ = ["lines_with_key", "table_path"]

_SCANNED_BYTES = 4096


def table_path(name: str) -> Path:
    """Path of the table `name` of this package."""
    return Path(__file__).with_name(name)


def lines_with_key(table: Path, key: str) -> list[str]:
    """All lines of `table` that start with `key`, in file order, without line ends; empty where there are none.

    `key` must be a whole key, all keys of one table being equally long.
    """
    wanted = key.encode()
    lines: list[bytes] = []
    with table.open("rb") as file:
        _seek_before(file, wanted)
        for line in file:
            if line.startswith(wanted):
                lines.append(line)
            elif line > wanted:
                break
    return b"".join(lines).decode("ascii").splitlines()


def _seek_before(file: BinaryIO, key: bytes) -> None:
    """Go to a line start before the first line with `key`, as a rule at most `_SCANNED_BYTES` before it."""
    low, high = 0, file.seek(0, 2)
    while high - low > _SCANNED_BYTES:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        # The end of the file counts as a line behind every key.
        if (file.readline() or key) < key:
            low = middle
        else:
            high = middle
    file.seek(low)
    if low:
        file.readline()
