"""A look at a dump's headers: what it is, and whether the file is as long as they promise.

At most `PEEK_BYTES` are read, so that a directory of ten thousand dumps is listed in about a second.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from struct import Struct

from smalldump.errors import NotADump, SmallDumpError, UnsupportedFormat
from smalldump.layout.dump import FILL, DumpHeader32, DumpHeader64
from smalldump.layout.record import Buffer
from smalldump.layout.triage import MARKER, TriageDump64
from smalldump.model import Absent, BugCheck, Machine
from smalldump.model.machine import machine_of
from smalldump.model.times import from_filetime, from_ticks
from smalldump.sources.triage_file import TriageFile

__all__ = ["LARGEST_DUMP", "PEEK_BYTES", "FileState", "HeaderFacts", "Peek", "peek_bytes", "peek_file"]

PEEK_BYTES = DumpHeader64.SIZE + TriageDump64.SIZE
"""Both headers of a 64-bit dump; those of a 32-bit one are shorter."""
LARGEST_DUMP = 1 << 26
"""Most bytes that are believed of a small dump; real ones reach 10 MB."""

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


class FileState(Enum):
    """What the headers and the length of a file say of it."""

    WHOLE = "whole"
    SECONDARY_CUT = "secondary_cut"
    CUT = "cut"
    DAMAGED = "damaged"
    EMPTY = "empty"
    OTHER_DUMP = "other_dump"
    NOT_A_DUMP = "not_a_dump"
    UNREADABLE = "unreadable"

    @property
    def words(self) -> str:
        """The state for people."""
        return _STATE_WORDS[self]

    @property
    def readable(self) -> bool:
        """Whether the whole primary dump is there."""
        return self in (FileState.WHOLE, FileState.SECONDARY_CUT)


_STATE_WORDS = {
    FileState.WHOLE: "whole",
    FileState.SECONDARY_CUT: "secondary data cut",
    FileState.CUT: "cut",
    FileState.DAMAGED: "header damaged",
    FileState.EMPTY: "empty",
    FileState.OTHER_DUMP: "another kind of dump",
    FileState.NOT_A_DUMP: "not a dump",
    FileState.UNREADABLE: "unreadable",
}


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """Facts that the headers alone tell.

    Attributes:
        time: Of the crash, UTC.
        uptime: From the machine's boot to the crash.
        writer: `kernel` or `dbgeng`.
        primary_size: SizeOfDump: bytes without the secondary data.
        required_size: RequiredDumpSpace: bytes that the dump needs; dbgeng since Windows 10 promises more than it
            writes (format reference §0.1).
    """

    machine: Machine
    build: int | Absent
    processors: int | Absent
    bug_check: BugCheck
    time: datetime | Absent
    uptime: timedelta | Absent
    writer: str | Absent
    primary_size: int | Absent
    required_size: int | Absent


@dataclass(frozen=True, slots=True)
class Peek:
    """The outcome of a look: a state, and facts as far as there are any.

    Attributes:
        size: Of the file, in bytes.
        why: What is wrong, in words; empty where nothing is.
        modified_ns: When the file was last written, in nanoseconds since 1970; 0 where that is not known.
    """

    state: FileState
    size: int
    facts: HeaderFacts | Absent = Absent.NOT_CAPTURED
    why: str = ""
    modified_ns: int = 0


def peek_file(path: str | os.PathLike[str]) -> Peek:
    """Look at the headers of a file; what cannot be read is a state, not an error. Pipes are not waited for."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        return Peek(FileState.UNREADABLE, 0, why=_why(error))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Peek(FileState.UNREADABLE, 0, why="no regular file")
        return _peek(os.read(descriptor, PEEK_BYTES), status.st_size, status.st_mtime_ns)
    except OSError as error:
        return Peek(FileState.UNREADABLE, 0, why=_why(error))
    finally:
        os.close(descriptor)


def peek_bytes(data: Buffer) -> Peek:
    """Look at a dump that is in memory as a whole: the end marker is looked at too."""
    view = memoryview(data).cast("B")
    found = _peek(view[:PEEK_BYTES], len(view))
    if not found.state.readable or isinstance(found.facts, Absent) or isinstance(found.facts.primary_size, Absent):
        return found
    end = found.facts.primary_size
    if view[end - len(MARKER) : end] == MARKER:
        return found
    return Peek(FileState.CUT, found.size, found.facts, "the end marker `TRGD` is missing")


def _peek(head: Buffer, size: int, modified_ns: int = 0) -> Peek:
    if not size:
        return Peek(FileState.EMPTY, 0, why="the file is empty", modified_ns=modified_ns)
    try:
        file = TriageFile(memoryview(head))
    except SmallDumpError as error:
        state = next(state for kind, state in _STATES if isinstance(error, kind))
        return Peek(state, size, why=str(error), modified_ns=modified_ns)
    facts = _facts(file)
    state, why = _state(file, facts, size)
    return Peek(state, size, facts, why, modified_ns)


_STATES = (
    (NotADump, FileState.NOT_A_DUMP),
    (UnsupportedFormat, FileState.OTHER_DUMP),
    (SmallDumpError, FileState.CUT),
)


def _facts(file: TriageFile) -> HeaderFacts:
    names, unpacker, unwritten = _FIELDS[file.bits]
    stored = dict(zip(names, unpacker.unpack_from(file.header.data), strict=True))
    known = {name: Absent.NOT_CAPTURED if value == unwritten[name] else value for name, value in stored.items()}
    time, uptime, by_dbgeng = known["system_time"], known["system_up_time"], file.written_by_dbgeng
    p1, p2, p3, p4 = (stored[f"bug_check_parameter{number}"] for number in (1, 2, 3, 4))
    return HeaderFacts(
        machine=machine_of(stored["machine_image_type"], file.bits),
        build=known["minor_version"],
        processors=known["number_processors"],
        bug_check=BugCheck(stored["bug_check_code"], (p1, p2, p3, p4)),
        time=time if isinstance(time, Absent) else from_filetime(time),
        uptime=uptime if isinstance(uptime, Absent) else from_ticks(uptime),
        writer=by_dbgeng if isinstance(by_dbgeng, Absent) else "dbgeng" if by_dbgeng else "kernel",
        primary_size=Absent.NOT_CAPTURED if file.triage is None else file.triage.size_of_dump,
        required_size=known["required_dump_space"],
    )


def _fields(kind: type[DumpHeader32] | type[DumpHeader64]) -> tuple[tuple[str, ...], Struct, dict[str, int]]:
    # In file order, as `unpacker` gives them; what a header holds that nobody wrote is the fill, field by field.
    names = tuple(field.name for field in kind.FIELDS if field.name in _NAMES)
    unpacker = kind.unpacker(*names)
    return names, unpacker, dict(zip(names, unpacker.unpack(FILL * (kind.SIZE // len(FILL))), strict=True))


_NAMES = {
    "minor_version",
    "machine_image_type",
    "number_processors",
    "bug_check_code",
    "bug_check_parameter1",
    "bug_check_parameter2",
    "bug_check_parameter3",
    "bug_check_parameter4",
    "required_dump_space",
    "system_time",
    "system_up_time",
}
_FIELDS = {32: _fields(DumpHeader32), 64: _fields(DumpHeader64)}


def _state(file: TriageFile, facts: HeaderFacts, size: int) -> tuple[FileState, str]:
    triage = file.triage
    if triage is None:
        return FileState.CUT, "the file ends in its headers"
    primary, required = triage.size_of_dump, facts.required_size
    if primary < file.header.SIZE + triage.SIZE or triage.valid_offset != primary - len(MARKER):
        return FileState.DAMAGED, f"SizeOfDump {primary:#x} and ValidOffset {triage.valid_offset:#x} do not fit"
    if size < primary:
        return FileState.CUT, f"{size:#x} of {primary:#x} bytes are there"
    # dbgeng promises more than it writes; the kernel does not.
    if facts.writer == "kernel" and not isinstance(required, Absent) and size < required:
        return FileState.SECONDARY_CUT, f"{size:#x} of {required:#x} bytes are there; the primary dump is whole"
    return FileState.WHOLE, ""


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
