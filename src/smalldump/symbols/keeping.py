"""Keeping files in a store's folder: whole and proved to be the right ones, or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from smalldump.symbols.wanted import Wanted

__all__ = ["Draft", "draft", "keep_copy", "place_in"]

_folders = Lock()
"""Held while folders are made or cleared away, so that no thread takes another one's."""


def place_in(folder: Path, wanted: Wanted) -> Path | None:
    """Where a store of two tiers keeps a file: folder, name, key, name; None where no store can have such a name."""
    parts = wanted.parts
    return None if parts is None else folder / parts[0] / parts[1] / parts[0]


class Draft:
    """A file that is being written beside the place where it will be.

    Attributes:
        file: Open for reading and writing.
        path: Its name for the time being.
    """

    def __init__(self, file: BinaryIO, path: Path, place: Path) -> None:
        self.file, self.path, self._place = file, path, place

    def keep(self) -> Path:
        """Give the file its name, in place of an older one; a reader sees the old one or the new one, never a part.

        Raises:
            OSError: It cannot be done.
        """
        self.file.close()
        try:
            os.replace(self.path, self._place)
        except OSError:
            # Windows replaces no file that somebody has open: then the same file is there already.
            if not self._place.is_file():
                raise
        return self._place


@contextmanager
def draft(place: Path) -> Iterator[Draft]:
    """A new file for this place; gone afterwards unless it is kept, and so are the folders made for it.

    Raises:
        OSError: It cannot be made.
    """
    path = place.parent / f".smalldump-{os.getpid()}-{secrets.token_hex(4)}.tmp"
    made, file = _opened(path)
    try:
        with file:
            yield Draft(file, path, place)
    finally:
        with _folders, suppress(OSError):
            path.unlink(missing_ok=True)
            for folder in made:
                folder.rmdir()  # refuses where there is something in it


def _opened(path: Path) -> tuple[list[Path], BinaryIO]:
    """A new file, and the folders that had to be made for it. Another process may just clear such folders away."""
    made = list[Path]()
    with _folders:
        for _ in range(3):
            with suppress(FileNotFoundError):
                made += _make_folders(path.parent)
                return made, path.open("x+b")
        made += _make_folders(path.parent)
        return made, path.open("x+b")


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it; gives the new ones, the innermost first."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        if folder.parent == folder:
            break
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
    return missing


def keep_copy(path: Path, wanted: Wanted, folders: Iterable[Path]) -> Path:
    """Copy a file into each of these stores, where that can be done; gives the copy in the first, else the file."""
    best = path
    for folder in reversed([*folders]):
        place = place_in(folder, wanted)
        if place is None or place == path:
            continue
        try:
            with draft(place) as made, path.open("rb") as source:
                shutil.copyfileobj(source, made.file, 1 << 20)
                best = made.keep()
        except OSError:
            continue
    return best
