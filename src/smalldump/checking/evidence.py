"""What the checks look at: a small dump, what its triage header promises, and where its fields lie."""

from __future__ import annotations

from functools import cached_property

from smalldump.errors import FormatError, Truncated
from smalldump.layout.blobs import BlobChain
from smalldump.layout.record import Record
from smalldump.layout.triage import MARKER, DriverEntry32, DriverEntry64, TriageDump32, TriageDump64
from smalldump.model.absent import Absent, present
from smalldump.model.records import Finding, Severity
from smalldump.sources.dump_file import DumpFile
from smalldump.sources.promises import Promise
from smalldump.sources.small import SmallDump
from smalldump.sources.structured import StructuredSnapshot
from smalldump.sources.triage_file import TriageFile

__all__ = ["Evidence", "HeaderEvidence", "error", "info", "reserved_driver_slots", "trouble_words", "warning"]


def error(code: str, message: str, offset: int | None = None) -> Finding:
    """A finding about information that is lost."""
    return Finding(code, Severity.ERROR, message, offset)


def warning(code: str, message: str, offset: int | None = None) -> Finding:
    """A finding about something that is not as it should be, while nothing of the file is lost."""
    return Finding(code, Severity.WARNING, message, offset)


def info(code: str, message: str, offset: int | None = None) -> Finding:
    """A finding about something worth knowing."""
    return Finding(code, Severity.INFO, message, offset)


def trouble_words(reason: FormatError) -> str:
    """An error in words, without the place, which a finding has in a field of its own."""
    details = [f"{word} {text}" for word, text in (("expected", reason.expected), ("found", reason.found)) if text]
    return f"{reason.what}: {', '.join(details)}" if details else reason.what


def reserved_driver_slots(file: TriageFile) -> int:
    """Slots between the driver list and the string pool: of drivers that dbgeng counted and then had no room for."""
    drivers, pool = file.sections.get("driver list"), file.sections.get("string pool")
    if drivers is None or pool is None or pool.offset <= drivers.end:
        return 0
    between = (section for section in file.sections.values() if drivers.offset < section.offset < pool.offset)
    entry = DriverEntry64 if file.bits == 64 else DriverEntry32
    return 0 if any(between) else (pool.offset - drivers.end) // entry.SIZE


class HeaderEvidence:
    """A kernel dump of any kind under examination: what its header tells, and where its fields lie."""

    def __init__(self, dump: StructuredSnapshot, file: DumpFile) -> None:
        self.dump: StructuredSnapshot = dump
        self.file: DumpFile = file

    def header_offset(self, name: str) -> int:
        """File offset of a field of the dump header."""
        return _field_offset(type(self.file.header), name)


class Evidence(HeaderEvidence):
    """A small dump under examination; what several checks need is computed once."""

    dump: SmallDump
    file: TriageFile

    def __init__(self, dump: SmallDump) -> None:
        super().__init__(dump, dump.file)

    @property
    def triage(self) -> TriageDump64 | TriageDump32:
        """The triage header.

        Raises:
            Truncated: The file ends before it does.
        """
        if self.file.triage is None:
            raise Truncated("there is no triage header")
        return self.file.triage

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.file.data)

    def triage_offset(self, name: str) -> int:
        """File offset of a field of the triage header."""
        return self.file.header.SIZE + _field_offset(type(self.triage), name)

    @property
    def headers_end(self) -> int:
        """File offset behind the triage header."""
        return self.file.header.SIZE + self.triage.SIZE

    @property
    def size_of_dump(self) -> int:
        """SizeOfDump where it leaves room for the headers and the marker, else the size of the file."""
        size = self.triage.size_of_dump
        return size if size >= self.headers_end + len(MARKER) else self.size

    @property
    def cut(self) -> bool:
        """Whether the file ends before the primary dump does."""
        return self.file.cut

    @cached_property
    def words(self) -> dict[str, int]:
        """Words of the debugger data block, as wide as the machine's pointers; empty where there is none."""
        return {} if isinstance(self.dump.debugger_data, Absent) else dict(self.dump.debugger_data)

    @property
    def comment(self) -> str:
        """The header's comment; empty where there is none."""
        return present(self.dump.dump.comment) or ""

    @property
    def promises(self) -> tuple[Promise, ...]:
        """The sections that the triage header promises."""
        return self.file.promises

    def outside(self, promise: Promise) -> bool:
        """Whether a promised section begins in the headers or leads out of the primary dump."""
        return promise.offset < self.headers_end or promise.end > self.size_of_dump - len(MARKER)

    @cached_property
    def _unreliable(self) -> set[str]:
        return {promise.name for promise in self.promises if self.outside(promise)}

    @cached_property
    def drivers(self) -> list[tuple[int, int, int, int, int]]:
        """The driver entries in the file (see `TriageFile`); none where the list leads out of the primary dump."""
        return [] if "driver list" in self._unreliable else self.file.driver_entries

    @cached_property
    def blocks(self) -> list[tuple[int, int, int]]:
        """The entries of the data block table in the file: address, file offset, size; none where it leads out."""
        return [] if "data block table" in self._unreliable else self.file.block_entries

    @property
    def chain(self) -> BlobChain:
        """The chain of blobs."""
        return self.file.blob_chain


def _field_offset(kind: type[Record], name: str) -> int:
    offset: int = getattr(kind, name).offset
    return offset
