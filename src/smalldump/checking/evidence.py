"""What the checks look at: a small dump, the sections that its triage header promises, and where its fields lie."""

from __future__ import annotations

from functools import cached_property
from struct import Struct
from typing import Any, NamedTuple

from smalldump.errors import Truncated
from smalldump.layout.blobs import BlobChain
from smalldump.layout.record import Record
from smalldump.layout.triage import (
    DATA_BLOCK_LIMIT,
    MARKER,
    DriverEntry32,
    DriverEntry64,
    MiTriageStorage32,
    MiTriageStorage64,
    TriageDataBlock,
    TriageDump32,
    TriageDump64,
)
from smalldump.model.absent import Absent
from smalldump.model.records import Finding, Severity
from smalldump.sources.driver_lists import DRIVER_LIMIT
from smalldump.sources.secondary import blob_chain
from smalldump.sources.small import SmallDump
from smalldump.sources.triage_file import TriageFile

__all__ = ["Evidence", "Promise", "driver_entries", "error", "info", "promises", "reserved_driver_slots", "warning"]

_STRUCTURE_SIZES = {"KPRCB": "size_prcb", "EPROCESS": "size_eprocess", "ETHREAD": "size_ethread"}
_DRIVER64 = DriverEntry64.unpacker("driver_name_offset", "dll_base", "size_of_image", "check_sum", "time_date_stamp")
_DRIVER32 = DriverEntry32.unpacker("driver_name_offset", "dll_base", "size_of_image", "check_sum", "time_date_stamp")
_BLOCK = TriageDataBlock.unpacker("address", "offset", "size")


def error(code: str, message: str, offset: int | None = None) -> Finding:
    """A finding about information that is lost."""
    return Finding(code, Severity.ERROR, message, offset)


def warning(code: str, message: str, offset: int | None = None) -> Finding:
    """A finding about something that is not as it should be, while nothing of the file is lost."""
    return Finding(code, Severity.WARNING, message, offset)


def info(code: str, message: str, offset: int | None = None) -> Finding:
    """A finding about something worth knowing."""
    return Finding(code, Severity.INFO, message, offset)


class Promise(NamedTuple):
    """A section as the triage header promises it, whether or not the file keeps the promise.

    Attributes:
        name: As in `TriageFile.sections`.
        offset, size: In bytes; a size of 0 means that nothing in the file tells it.
        offset_field, size_field: Fields of the triage header; `size_field` is empty where none holds the size.
    """

    name: str
    offset: int
    size: int
    offset_field: str
    size_field: str = ""

    @property
    def end(self) -> int:
        """File offset behind the last byte."""
        return self.offset + self.size


def promises(file: TriageFile) -> tuple[Promise, ...]:
    """The sections that the triage header has an offset or a size for, in the order of its fields."""
    triage, words, wide = file.triage, file.debugger_words, file.bits == 64
    if triage is None:
        return ()
    sizes = {kind: (words.get(word, 0) + 7) & ~7 for kind, word in _STRUCTURE_SIZES.items()}
    entry = (_DRIVER64 if wide else _DRIVER32).size
    mm_size = MiTriageStorage64.SIZE if wide else MiTriageStorage32.SIZE
    found = (
        Promise("MM block", triage.mm_offset, mm_size, "mm_offset"),
        Promise("unloaded drivers", triage.unloaded_drivers_offset, 0, "unloaded_drivers_offset"),
        Promise("KPRCB", triage.prcb_offset, sizes["KPRCB"], "prcb_offset"),
        Promise("EPROCESS", triage.process_offset, sizes["EPROCESS"], "process_offset"),
        Promise("ETHREAD", triage.thread_offset, sizes["ETHREAD"], "thread_offset"),
        _sized(triage, "call stack", "call_stack_offset", "size_of_call_stack"),
        _sized(triage, "driver list", "driver_list_offset", "driver_count", entry),
        _sized(triage, "string pool", "string_pool_offset", "string_pool_size"),
        _sized(triage, "data page", "data_page_offset", "data_page_size"),
        _sized(triage, "debugger data block", "debugger_data_offset", "debugger_data_size"),
        _sized(triage, "data block table", "data_blocks_offset", "data_blocks_count", _BLOCK.size),
    )
    return tuple(promise for promise in found if promise.offset or (promise.size_field and promise.size))


def _sized(triage: Record, name: str, offset_field: str, size_field: str, unit: int = 1) -> Promise:
    offset, size = getattr(triage, offset_field), getattr(triage, size_field)
    return Promise(name, offset, size * unit, offset_field, size_field)


def driver_entries(file: TriageFile) -> list[tuple[int, int, int, int, int]]:
    """The driver entries that are in the file: name offset, base, size, checksum, time stamp."""
    return _entries(file, "driver list", _DRIVER64 if file.bits == 64 else _DRIVER32, DRIVER_LIMIT)


def _block_entries(file: TriageFile) -> list[tuple[int, int, int]]:
    return _entries(file, "data block table", _BLOCK, DATA_BLOCK_LIMIT)


def _entries(file: TriageFile, name: str, entry: Struct, limit: int) -> list[Any]:
    section = file.section(name)
    if isinstance(section, Absent):
        return []
    return list(entry.iter_unpack(section[: min(len(section) // entry.size, limit) * entry.size]))


def reserved_driver_slots(file: TriageFile) -> int:
    """Slots between the driver list and the string pool: of drivers that dbgeng counted and then had no room for."""
    drivers, pool = file.sections.get("driver list"), file.sections.get("string pool")
    if drivers is None or pool is None or pool.offset <= drivers.end:
        return 0
    between = (section for section in file.sections.values() if drivers.offset < section.offset < pool.offset)
    return 0 if any(between) else (pool.offset - drivers.end) // (_DRIVER64 if file.bits == 64 else _DRIVER32).size


class Evidence:
    """A small dump under examination; what several checks need is computed once."""

    def __init__(self, dump: SmallDump) -> None:
        self.dump = dump
        self.file = dump.file

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

    def header_offset(self, name: str) -> int:
        """File offset of a field of the dump header."""
        return _field_offset(type(self.file.header), name)

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
        return self.triage.size_of_dump > self.size

    @cached_property
    def words(self) -> dict[str, int]:
        """Words of the debugger data block, as wide as the machine's pointers; empty where there is none."""
        return {} if isinstance(self.dump.debugger_data, Absent) else dict(self.dump.debugger_data)

    @cached_property
    def promises(self) -> tuple[Promise, ...]:
        """The sections that the triage header promises."""
        return promises(self.file)

    def outside(self, promise: Promise) -> bool:
        """Whether a promised section begins in the headers or leads out of the primary dump."""
        return promise.offset < self.headers_end or promise.end > self.size_of_dump - len(MARKER)

    @cached_property
    def _unreliable(self) -> set[str]:
        return {promise.name for promise in self.promises if self.outside(promise)}

    @cached_property
    def drivers(self) -> list[tuple[int, int, int, int, int]]:
        """The driver entries in the file (see `driver_entries`); none where the list leads out of the primary dump."""
        return [] if "driver list" in self._unreliable else driver_entries(self.file)

    @cached_property
    def blocks(self) -> list[tuple[int, int, int]]:
        """The entries of the data block table in the file: address, file offset, size; none where it leads out."""
        return [] if "data block table" in self._unreliable else _block_entries(self.file)

    @cached_property
    def chain(self) -> BlobChain:
        """The chain of blobs."""
        return blob_chain(self.file)


def _field_offset(kind: type[Record], name: str) -> int:
    offset: int = getattr(kind, name).offset
    return offset
