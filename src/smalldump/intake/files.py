"""Files: opening what is a regular file and nothing else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from smalldump.errors import SourceUnreadable
from smalldump.intake.entries import START_BYTES
from smalldump.intake.limits import Refused
from smalldump.intake.origins import shown_name, why

__all__ = ["first_bytes", "open_regular"]

# O_NONBLOCK: a pipe that takes the file's place after the look at it must not make the opening wait.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_OTHER_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_regular(path: Path) -> tuple[int, int]:
    """Open a regular file for reading and give its descriptor, which is the caller's to close, and its size.

    Raises:
        SourceUnreadable: It is missing, refused, or no regular file. Pipes and devices are not even
            opened: that could wait forever.
    """
    descriptor = -1
    try:
        _require_regular(os.stat(path))
        descriptor = os.open(path, _FLAGS)
        status = os.fstat(descriptor)
        _require_regular(status)
    except (OSError, ValueError) as error:
        if descriptor >= 0:
            os.close(descriptor)
        raise SourceUnreadable(shown_name(path), why(error)) from error
    return descriptor, status.st_size


def first_bytes(path: Path) -> bytes:
    """Read the first START_BYTES of a regular file, or all it has; errors as in open_regular."""
    descriptor, _ = open_regular(path)
    try:
        return os.read(descriptor, START_BYTES)
    except OSError as error:
        raise SourceUnreadable(shown_name(path), why(error)) from error
    finally:
        os.close(descriptor)


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    kind = next((name for is_kind, name in _OTHER_KINDS if is_kind(status.st_mode)), "no regular file")
    raise Refused(f"{kind}, not a file; name a file, or '-' for standard input")
