"""Opening the one dump that a command is about: what that takes is shown while it lasts, and said when it is done."""

from __future__ import annotations

import os
import stat

from smalldump.cli.console import complain
from smalldump.cli.progress import at_work
from smalldump.escape import escape
from smalldump.intake import ByteSource, open_single
from smalldump.intake.names import is_archive_name

__all__ = ["opened"]

_QUICK = 1 << 20
"""Bytes of a file that is opened before anybody looks."""


def opened(path: str) -> ByteSource:
    """Open the one dump that a path stands for, as `open_single`; what that has cost is told on standard error.

    Raises:
        SourceUnreadable: As `open_single`.
    """
    with at_work(f"{escape(path)}: opening", long=_may_take_long(path)) as tell:
        source = open_single(path, watch=lambda size: tell(f"{size >> 20:,} MiB so far"))
    if source.remark:
        complain(f"{source.name}: {source.remark}")
    return source


def _may_take_long(path: str) -> bool:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return True  # standard input, or a member of an archive
    return not stat.S_ISREG(status.st_mode) or status.st_size > _QUICK or is_archive_name(path)
