"""Processes that are killed at every step: `python -m tests.minidumps.dying ACTION FOLDER`.

For each system call of the action, a process of its own in a folder of its own (`FOLDER/03-before-flush`) is killed
right before the call, in the middle of it where it writes, and right after it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from smalldump.minidumps import MinidumpDirectory, Reserve, recover_reserve
from smalldump.minidumps.filesystem import FileSystem
from tests.minidumps.disks import Watched
from tests.synth import win2000_dump, x64_dump, x86_dump

__all__ = ["EARLIER", "FIRST", "SECOND"]

EARLIER, FIRST, SECOND = win2000_dump().bytes, x64_dump().bytes, x86_dump().bytes
_SLOT = 0x28000


def _earlier(folder: Path) -> None:
    (folder / "Mini022900-01.dmp").write_bytes(EARLIER)


def _reserved(folder: Path) -> None:
    _earlier(folder)
    Reserve(folder).make(_SLOT)


def _one_filled(folder: Path) -> None:
    _reserved(folder)
    Reserve(folder).fill(FIRST)


def _both_filled(folder: Path) -> None:
    _one_filled(folder)
    Reserve(folder).fill(SECOND)


ACTIONS: dict[str, tuple[Callable[[Path], None], Callable[[Path, FileSystem], object]]] = {
    "save": (_earlier, lambda folder, disk: MinidumpDirectory(folder, disk).save(FIRST, uptime_ms=8765)),
    "make": (_earlier, lambda folder, disk: Reserve(folder, disk).make(_SLOT)),
    "fill": (_one_filled, lambda folder, disk: Reserve(folder, disk).fill(SECOND)),
    "recover": (_both_filled, lambda folder, disk: list(recover_reserve(MinidumpDirectory(folder, disk)))),
}
"""What is prepared, and what a process is killed in."""


def deadly(when: str, last: int) -> Watched:
    """A disk whose call of that number is the process's last: `before` it, `within` a write, or `after` it."""

    def die(number: int, name: str) -> None:
        if number == last:
            os.kill(os.getpid(), signal.SIGKILL)

    if when == "before":
        return Watched(before=die)
    return Watched(after=die) if when == "after" else HalfWriting(last, die)


class HalfWriting(Watched):
    """Writes half of what it should, and dies."""

    def __init__(self, last: int, die: Callable[[int, str], None]) -> None:
        super().__init__()
        self.last, self.die = last, die

    def write_some(self, descriptor: int, data: bytes | bytearray | memoryview) -> int:
        """Write all of a piece, or half of it as the last thing in life."""
        if len(self.calls) == self.last:
            os.write(descriptor, memoryview(data)[: len(data) // 2])
            self.die(self.last, "write_some")
        return super().write_some(descriptor, data)


def main(action: str, root: Path) -> None:
    """All deaths of an action, one after the other; ends with the first process that lives."""
    prepare, run = ACTIONS[action]
    for number in count():
        for when in ("before", "within", "after"):
            folder = root / f"{number:02}-{when}"
            folder.mkdir()
            prepare(folder)
            child = os.fork()
            if not child:
                run(folder, deadly(when, number))
                os._exit(0)
            _, status = os.waitpid(child, 0)
            if status == signal.SIGKILL:
                continue
            if status:
                raise SystemExit(f"{folder}: ended with {status}, not by SIGKILL")
            if when != "within":
                return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
