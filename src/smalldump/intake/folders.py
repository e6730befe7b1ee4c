"""Folders: the files under one, in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from smalldump.errors import SourceUnreadable
from smalldump.intake.names import is_archive_name, is_dump_name
from smalldump.intake.origins import shown_name, why

__all__ = ["files_under"]


def files_under(folder: Path) -> Iterator[Path | SourceUnreadable]:
    """Yield the files in a folder and in the folders below, by name, folders in their place among the files.

    Links to files are followed, links to folders are not (nor is any folder entered twice: Windows has
    junctions as well). Folders that cannot be listed come as errors in their place. What is no file is left
    out unless its name promises a dump or an archive, so that whoever opens it can say what is wrong.
    """
    seen: set[tuple[int, int]] = set()
    waiting: list[os.DirEntry[str] | None] = [None]
    while waiting:
        found = waiting.pop()
        path = folder if found is None else Path(found.path)
        if found is not None and not found.is_dir(follow_symlinks=False):
            if _is_file(found) or is_dump_name(found.name) or is_archive_name(found.name):
                yield path
            continue
        try:
            waiting += _listing(path, seen)
        except OSError as error:
            yield SourceUnreadable(shown_name(path), why(error))


def _listing(folder: Path, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """What is in a folder not seen before, last name first."""
    status = os.stat(folder)
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return []
    seen.add(identity)
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name, reverse=True)


def _is_file(found: os.DirEntry[str]) -> bool:
    try:
        return found.is_file()
    except OSError:
        # A link that leads in a circle.
        return False
