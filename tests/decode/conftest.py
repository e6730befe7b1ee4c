"""The blobs of the real sample dumps, read once."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

import pytest

from smalldump.layout.blobs import walk_blobs


class RealDump(NamedTuple):
    """One real dump: FILETIMEs of crash and boot, and its blobs by tag (the first of each tag)."""

    name: str
    crash: int
    boot: int
    build: int
    blobs: dict[str, bytes]


@pytest.fixture(scope="session")
def real_dumps(samples: Path) -> list[RealDump]:
    """All real 64-bit dumps that hold secondary data."""
    dumps = []
    for path in sorted((samples / "dumps").glob("*.dmp")):
        data = path.read_bytes()
        if data[:8] != b"PAGEDU64":
            continue
        (start,) = struct.unpack_from("<I", data, 0x2004)
        (crash,), (uptime,) = struct.unpack_from("<Q", data, 0xFA8), struct.unpack_from("<Q", data, 0x1030)
        blobs = {b.tag: data[b.offset : b.offset + b.size] for b in reversed(walk_blobs(data, start).blobs)}
        (build,) = struct.unpack_from("<I", data, 0x0C)
        dumps.append(RealDump(path.name, crash, crash - uptime, build, blobs))
    assert len(dumps) == 21
    return dumps
