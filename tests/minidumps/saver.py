"""A process that saves many dumps: `python -m tests.minidumps.saver FOLDER COUNT NUMBER`; begins on a line of input."""

from __future__ import annotations

import sys

from smalldump.minidumps import MinidumpDirectory
from tests.synth import x64_dump


def main(folder: str, count: int, number: int) -> None:
    """Save `count` dumps of the same second, each with a comment of its own."""
    dump = x64_dump()
    dumps = [dump.patch("DUMP_HEADER.Comment", f"{number:02}-{i:04}\0".encode()).bytes for i in range(count)]
    directory = MinidumpDirectory(folder)
    print("ready", flush=True)
    sys.stdin.readline()
    for each in dumps:
        directory.save(each, uptime_ms=8765)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
