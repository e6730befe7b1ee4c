"""The Minidump directory: small memory dumps under the names that Windows gives them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from smalldump.errors import FormatError
from smalldump.layout.record import Buffer
from smalldump.minidumps.clock import CrashDate, DateSource, crash_date, host_uptime_ms
from smalldump.minidumps.filesystem import FileSystem, told
from smalldump.minidumps.names import DumpName, parse_name, stem
from smalldump.minidumps.peek import FileState, HeaderFacts, Peek, peek_bytes, peek_file
from smalldump.minidumps.saving import Exclusive, NewFile, is_temporary, save_new
from smalldump.model import Absent

__all__ = ["ASIDE", "DUMP", "Entry", "MinidumpDirectory", "Saved"]

DUMP, ASIDE = ".dmp", ".cut"
"""How dumps end, and how what is left of a dump ends: no tool takes that for a dump."""

_OURS = {FileState.WHOLE, FileState.SECONDARY_CUT, FileState.CUT, FileState.DAMAGED, FileState.EMPTY}
_ABANDONED_SECONDS = 86_400
_PIECE = 1 << 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = 0, 253_402_300_799  # seconds; some file systems hold times that no calendar does


@dataclass(frozen=True, slots=True)
class Saved:
    """A dump that is now in the directory.

    Attributes:
        path: Its name.
        size: Bytes.
        how: By which call it got its name without replacing another file.
        date_source: Whose time zone the date in the name follows.
        directory_flushed: Whether the name itself is known to be on the disk; some systems cannot tell.
    """

    path: Path
    size: int
    how: Exclusive
    date_source: DateSource
    directory_flushed: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the directory, as far as its headers tell.

    Attributes:
        path: The file.
        name: What its name tells; None where Windows would not have named it so.
        peek: State, size and facts.
    """

    path: Path
    name: DumpName | None
    peek: Peek

    @property
    def state(self) -> FileState:
        """Whole, cut, another kind of dump, …"""
        return self.peek.state

    @property
    def facts(self) -> HeaderFacts | Absent:
        """What the headers tell."""
        return self.peek.facts

    @property
    def moment(self) -> datetime:
        """Where the dump stands in time, UTC: the crash, but no later than the last writing of the file.

        No crash follows its own dump, so a header that says so is wrong; without a time the writing counts.
        """
        written = _EPOCH + timedelta(seconds=min(max(self.peek.modified_ns // 10**9, _FIRST), _LAST))
        crashed = Absent.NOT_CAPTURED if isinstance(self.facts, Absent) else self.facts.time
        return written if isinstance(crashed, Absent) else min(written, crashed)


class MinidumpDirectory:
    """A folder of small memory dumps.

    Attributes:
        path: The folder, which must be there.
        disk: The system calls in use.
    """

    def __init__(self, path: str | os.PathLike[str], disk: FileSystem | None = None) -> None:
        self.path, self.disk = Path(path), disk or FileSystem()

    def save(self, dump: Buffer, date: CrashDate | None = None, uptime_ms: int | None = None) -> Saved:
        """Save a dump under the next free name; whole or not at all, and never in the place of another file.

        Args:
            dump: All bytes of a small memory dump.
            date: Local date of the crash, from `crash_date`; by default the header's in UTC.
            uptime_ms: Milliseconds since the boot of this system, for the name; by default measured.

        Raises:
            FormatError: The bytes are no whole small memory dump.
            StoreError: The directory is missing, full, or refuses; nothing has changed in it.
        """
        found = peek_bytes(dump)
        if not found.state.readable or isinstance(found.facts, Absent):
            raise FormatError("only whole small memory dumps get a name", found=found.why)
        date = date or crash_date(found.facts.time)
        start = stem(found.facts.build, date.day, host_uptime_ms() if uptime_ms is None else uptime_ms)
        new = self._save(start, DUMP, dump)
        return Saved(new.path, found.size, new.how, date.source, new.directory_flushed)

    def keep_aside(self, rest: Buffer, date: CrashDate | None = None, uptime_ms: int | None = None) -> Path:
        """Save what is left of a dump as `.cut`, under the name that the dump would have had.

        Raises:
            StoreError: As for `save`.
        """
        facts = peek_bytes(rest).facts
        build, crashed = (facts, facts) if isinstance(facts, Absent) else (facts.build, facts.time)
        day = (date or crash_date(crashed)).day
        return self._save(stem(build, day, host_uptime_ms() if uptime_ms is None else uptime_ms), ASIDE, rest).path

    def _save(self, start: str, suffix: str, data: Buffer) -> NewFile:
        with told(self.path, "cannot save here"):
            names = self._free_names(start, suffix)
            return save_new(self.path, names, lambda descriptor: self.disk.write(descriptor, data), self.disk)

    def _free_names(self, start: str, suffix: str) -> Iterator[str]:
        names = (name.lower() for name in os.listdir(self.path))
        prefix = f"{start}-".lower()
        numbers = (n.removeprefix(prefix).removesuffix(suffix) for n in names if n.startswith(prefix))
        highest = max((int(n) for n in numbers if n.isascii() and n.isdecimal() and len(n) < 10), default=0)
        return (f"{start}-{number:02}{suffix}" for number in count(highest + 1))

    def entries(self) -> Iterator[Entry]:
        """All files that end in `.dmp`, in no order; each is looked at when its turn comes.

        Raises:
            StoreError: The directory cannot be listed.
        """
        with told(self.path, "cannot list"), os.scandir(self.path) as found:
            for file in found:
                if file.name.lower().endswith(DUMP) and not file.is_dir():
                    yield Entry(self.path / file.name, parse_name(file.name), peek_file(file.path))

    def by_time(self) -> list[Entry]:
        """All entries, the oldest first; of the same moment by number, then by name.

        Raises:
            StoreError: The directory cannot be listed.
        """
        return sorted(self.entries(), key=_order)

    def keep(self, dumps: int) -> list[Path]:
        """Remove the oldest small dumps that bear Windows' names until `dumps` are left; gives what was removed.

        Neither the newest one nor the newest whole one goes. Temporaries that a killed save left a day ago go too.
        Whatever else lies in the directory is not touched.

        Raises:
            ValueError: `dumps` is below 1.
            StoreError: A file could not be removed; those before it are gone.
        """
        if dumps < 1:
            raise ValueError(f"cannot keep {dumps} dumps: the newest one stays")
        ours = [entry for entry in self.by_time() if entry.name and entry.state in _OURS]
        whole = next((entry for entry in reversed(ours) if entry.state.readable), None)
        gone = [entry.path for entry in ours[:-dumps] if entry is not whole] + self._abandoned()
        for path in gone:
            with told(path, "cannot remove"), suppress(FileNotFoundError):
                self.disk.remove(path)
        return gone

    def _abandoned(self) -> list[Path]:
        before = time.time() - _ABANDONED_SECONDS
        with told(self.path, "cannot list"), os.scandir(self.path) as found:
            old = [file.path for file in found if is_temporary(file.name) and _older(file, before)]
        return [Path(path) for path in sorted(old)]

    def find(self, data: Buffer, suffix: str = DUMP) -> Path | None:
        """The file with that ending that holds exactly these bytes, if any; its name is on the disk then.

        Raises:
            StoreError: The directory cannot be listed.
        """
        wanted = memoryview(data).cast("B")
        with told(self.path, "cannot list"), os.scandir(self.path) as found:
            same = (file for file in found if file.name.lower().endswith(suffix) and _holds(file, wanted))
            path = next((self.path / file.name for file in same), None)
            if path:
                self.disk.flush_directory(self.path)
            return path


def _order(entry: Entry) -> tuple[datetime, int, str]:
    return entry.moment, entry.name.number if entry.name else 0, entry.path.name


def _older(file: os.DirEntry[str], moment: float) -> bool:
    try:
        return file.stat().st_mtime < moment
    except OSError:  # gone meanwhile
        return False


def _holds(file: os.DirEntry[str], wanted: memoryview) -> bool:
    try:
        if not file.is_file() or file.stat().st_size != len(wanted):
            return False
        with open(file.path, "rb", buffering=0) as opened:
            at = 0
            while piece := opened.read(_PIECE):
                if wanted[at : at + len(piece)] != piece:
                    return False
                at += len(piece)
            return at == len(wanted)
    except OSError:  # gone meanwhile, or not ours to read
        return False
