"""Disks that fail: a `FileSystem` whose calls can be counted, refused, or made a process's last."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from smalldump.minidumps.filesystem import FileSystem

__all__ = ["STEPS", "Failing", "Watched", "contents"]

STEPS = (
    "create",
    "open",
    "open_to_read",
    "close",
    "overwrite_in_place",
    "allocate",
    "write_some",
    "read",
    "flush",
    "flush_directory",
    "link",
    "rename_refusing",
    "rename",
    "remove",
    "lock",
)
"""Everything that touches a disk."""


class Watched(FileSystem):
    """Tells `before` and `after` each call, by its number from 0 and its name."""

    def __init__(
        self,
        before: Callable[[int, str], None] = lambda number, name: None,
        after: Callable[[int, str], None] = lambda number, name: None,
    ) -> None:
        self.before, self.after = before, after
        self.calls: list[str] = []


def _watched(name: str) -> Callable[..., object]:
    original = getattr(FileSystem, name)

    def call(self: Watched, *arguments: object, **named: object) -> object:
        number = len(self.calls)
        self.calls.append(name)
        self.before(number, name)
        result = original(self, *arguments, **named)
        self.after(number, name)
        return result

    return call


for step in STEPS:
    setattr(Watched, step, _watched(step))


class Failing(Watched):
    """Refuses the calls that `fails` chooses, with one error number."""

    def __init__(self, error: int, fails: Callable[[int, str], bool]) -> None:
        def refuse(number: int, name: str) -> None:
            if fails(number, name):
                raise OSError(error, os.strerror(error))

        super().__init__(before=refuse)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder by name, with their bytes."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
