"""Who else could write to a socket or a file: what others can write tells nothing about a guest."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["exposed"]

_GROUP, _OTHERS = stat.S_IWGRP, stat.S_IWOTH


def exposed(path: Path, owner: int | None = None) -> str | None:
    """Why others than its owner and root could write to `path`, or put something else in its place; None: they cannot.

    A folder that only its owner may enter protects what is in it. The group of root counts as root.

    Args:
        owner: Who may own it where everybody can put files, beside root and us.

    Raises:
        OSError: There is no such path, or it cannot be looked at.
    """
    real = path.resolve(strict=True)
    for folder in reversed(real.parents):
        found = folder.stat()
        if not found.st_mode & (stat.S_IXGRP | stat.S_IXOTH):
            return None
        if not _writable(found):
            continue
        if not found.st_mode & stat.S_ISVTX:
            return f"others can write to the folder {folder} ({stat.filemode(found.st_mode)})"
        if (user := _within(real, folder).lstat().st_uid) not in (0, os.getuid(), owner):
            return f"everybody can put files into {folder}, and what is there belongs to another user ({user})"
    found = real.stat()
    return f"others can write to it ({stat.filemode(found.st_mode)})" if _writable(found) else None


def _writable(found: os.stat_result) -> bool:
    return bool(found.st_mode & _OTHERS or (found.st_mode & _GROUP and found.st_gid != 0))


def _within(path: Path, folder: Path) -> Path:
    return folder / path.relative_to(folder).parts[0]
