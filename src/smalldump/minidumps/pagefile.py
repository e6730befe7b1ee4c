"""A Windows page file that still begins with a small memory dump.

At the crash Windows writes the dump to the beginning of the page file; the next boot takes it out. Where that boot
never came, it is still there. Source: format reference §7.
"""

from __future__ import annotations

import os
from datetime import tzinfo
from pathlib import Path

from smalldump.errors import FormatError, NotADump, SourceUnreadable, Truncated, UnsupportedFormat
from smalldump.minidumps.directory import MinidumpDirectory
from smalldump.minidumps.peek import LARGEST_DUMP, FileState, Peek, peek_bytes, peek_file
from smalldump.minidumps.recover import Outcome, Recovered, name_date, recover_dump, recover_rest
from smalldump.model import Absent

__all__ = ["dump_size", "recover_page_file"]

_ERRORS = {
    FileState.EMPTY: NotADump,
    FileState.NOT_A_DUMP: NotADump,
    FileState.OTHER_DUMP: UnsupportedFormat,
    FileState.CUT: Truncated,
    FileState.DAMAGED: FormatError,
}


def recover_page_file(path: Path, directory: MinidumpDirectory, zone: tzinfo | None = None) -> Recovered:
    """Copy the dump at the beginning of a page file into the directory; the page file is only read.

    A dump without its end marker was cut off while Windows wrote it: what is there is kept aside.

    Raises:
        SourceUnreadable: The page file cannot be read.
        FormatError: It does not begin with a small memory dump, or ends before that does.
        StoreError: As for `MinidumpDirectory.save`.
    """
    found = peek_file(path)
    if found.state is FileState.UNREADABLE:
        raise SourceUnreadable(os.fspath(path), found.why)
    if found.state in _ERRORS:
        raise _ERRORS[found.state]("the page file does not begin with a small memory dump", found=found.why)
    data = _read(path, dump_size(found))
    date = name_date(data, zone)
    if peek_bytes(data).state.readable:
        return recover_dump(path, data, directory, date)
    return recover_rest(path, data, Outcome.CUT_OFF, directory, date)


def dump_size(found: Peek) -> int:
    """Bytes of the dump at the beginning of a page file: RequiredDumpSpace, which counts the secondary data in.

    Where that was never written, or cannot be true, the size is that of the primary dump.

    Raises:
        FormatError: Even the primary dump is too large to be believed (64 MiB).
    """
    if isinstance(found.facts, Absent) or isinstance(found.facts.primary_size, Absent):
        raise FormatError("the page file tells no size of its dump", found=found.why)
    primary, required = found.facts.primary_size, found.facts.required_size
    if primary > LARGEST_DUMP:
        raise FormatError("too large for a small memory dump", expected="64 MiB or less", found=f"{primary:#x} bytes")
    if isinstance(required, Absent) or not primary <= required <= LARGEST_DUMP:
        return primary
    return min(required, found.size)


def _read(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(size)
    except OSError as error:
        raise SourceUnreadable(os.fspath(path), error.strerror or str(error)) from error
    if len(data) < size:
        raise SourceUnreadable(os.fspath(path), "became shorter while it was read")
    return data
