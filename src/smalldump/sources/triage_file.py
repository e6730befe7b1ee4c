"""A small memory dump as a file: headers, sections and arrays, not yet their meaning.

Nothing here trusts the file: an offset or size that leads out of it gives Absent or a shortened section, never an
error. What is wrong with the file is for `checking` to say.
"""

from __future__ import annotations

import struct
from codecs import utf_16_le_decode
from functools import cached_property
from typing import Any, NamedTuple

from smalldump.errors import UnsupportedFormat
from smalldump.layout.blobs import BlobChain, walk_blobs
from smalldump.layout.dump import DumpType, is_fill
from smalldump.layout.record import Field, Record
from smalldump.layout.triage import (
    DATA_BLOCK_LIMIT,
    DriverEntry32,
    DriverEntry64,
    DumpString,
    TriageDataBlock,
    TriageDump32,
    TriageDump64,
)
from smalldump.model.absent import Absent
from smalldump.sources.debugger_block import debugger_words, valid_block
from smalldump.sources.dump_file import DumpFile
from smalldump.sources.promises import Promise, promises

__all__ = ["DRIVER_LIMIT", "STRING_LIMIT", "Section", "TriageFile"]

DRIVER_LIMIT = 4096
"""Most driver entries that are read; dbgeng wrote up to 1,326, out of a looping list."""
STRING_LIMIT = 520
"""Most characters of a driver's path that are believed; longer ones count as damage."""


class Section(NamedTuple):
    """A part of the file: name, file offset, size in bytes as far as the file holds it."""

    name: str
    offset: int
    size: int

    @property
    def end(self) -> int:
        """File offset behind the last byte."""
        return self.offset + self.size


class TriageFile(DumpFile):
    """The bytes of a small memory dump, divided.

    Attributes:
        triage: The triage header, or None where the file ends before it does.
    """

    def __init__(self, data: memoryview) -> None:
        """Look at the signature and the two headers.

        Raises:
            NotADump: The file is empty, zero-filled or begins with another signature.
            UnsupportedFormat: A kernel dump of another type than 4.
            Truncated: Not even the bug check is in the file.
        """
        super().__init__(data)
        _require_small(self.header)
        self.triage: TriageDump64 | TriageDump32 | None = None
        triage_kind = TriageDump64 if self.bits == 64 else TriageDump32
        if len(data) >= self.header.SIZE + triage_kind.SIZE:
            self.triage = triage_kind(data, self.header.SIZE)

    @property
    def written_by_dbgeng(self) -> bool | Absent:
        """Whether dbgeng wrote the file rather than the kernel. Source: format reference §0.1, 59 of 59 files."""
        return Absent.CORRUPT if self.triage is None else self.triage.triage_options == 0xFFFFFFFF

    @cached_property
    def debugger_data(self) -> memoryview | Absent:
        """The valid bytes of the debugger data block: no more than its own header says."""
        if self.triage is None or not self.triage.debugger_data_offset or not self.machine.supported:
            return self._reason(Absent.NOT_CAPTURED)
        return valid_block(self.view(self.triage.debugger_data_offset, self.triage.debugger_data_size))

    @cached_property
    def debugger_words(self) -> dict[str, int]:
        """Words of the debugger data block by name; fields behind its end are not in it."""
        block = self.debugger_data
        if isinstance(block, Absent):
            return {}
        return debugger_words(block)

    @cached_property
    def promises(self) -> tuple[Promise, ...]:
        """The sections that the triage header promises, in the order of its fields."""
        return promises(self.triage, self.debugger_words) if self.triage else ()

    @cached_property
    def sections(self) -> dict[str, Section]:
        """The sections of the primary dump by name, in file order; those that are not there are left out.

        A section whose size nothing tells reaches to the next one.
        """
        if not self.machine.supported:
            return {}
        wanted = sorted(self.promises, key=lambda promise: promise.offset)
        starts = [promise.offset for promise in wanted]
        found = {}
        for promise in wanted:
            known = promise.size or promise.size_field
            size = promise.size if known else self._until_next(promise.offset, starts)
            size = min(size, len(self.data) - promise.offset)
            if promise.offset and size > 0:
                found[promise.name] = Section(promise.name, promise.offset, size)
        return found

    def _until_next(self, offset: int, starts: list[int]) -> int:
        end = self.triage.valid_offset if self.triage else 0
        following = [start for start in starts if start > offset]
        limit = following[0] if following else end
        return max(limit - offset, 0)

    def section(self, name: str) -> memoryview | Absent:
        """The bytes of a section of the primary dump."""
        section = self.sections.get(name)
        return self.missing(name) if section is None else self.data[section.offset : section.end]

    def missing(self, name: str) -> Absent:
        """Why a section, or the end of it, is not there.

        CORRUPT: the file promises it, but ends before; NOT_CAPTURED: the writer left it out; UNSUPPORTED: nobody
        reads the sections of this machine.
        """
        promise = next((promise for promise in self.promises if promise.name == name), None)
        if promise is None:
            return self._reason(Absent.NOT_CAPTURED)
        end = max(promise.end, promise.offset + 1)
        if not promise.size and self.cut:  # it may go on to where nobody can see
            following = [other.offset for other in self.promises if other.offset > promise.offset]
            end = min(following, default=len(self.data) + 1)
        return self._reason(Absent.CORRUPT if end > len(self.data) else Absent.NOT_CAPTURED)

    @property
    def cut(self) -> bool:
        """Whether the file ends before the primary dump does."""
        return self.triage is None or self.triage.size_of_dump > len(self.data)

    def _reason(self, otherwise: Absent) -> Absent:
        # Where there are no sections at all, that is the reason why one of them is missing.
        if not self.machine.supported:
            return Absent.UNSUPPORTED
        return Absent.CORRUPT if self.triage is None else otherwise

    @cached_property
    def driver_entries(self) -> list[tuple[int, int, int, int, int]]:
        """The entries of the driver list in the file: name offset, base, size, checksum, time stamp."""
        return self._entries("driver list", _DRIVER64 if self.bits == 64 else _DRIVER32, DRIVER_LIMIT)

    @cached_property
    def block_entries(self) -> list[tuple[int, int, int]]:
        """The entries of the data block table in the file: address, file offset, size."""
        return self._entries("data block table", _BLOCK, DATA_BLOCK_LIMIT)

    def _entries(self, name: str, entry: struct.Struct, limit: int) -> list[Any]:
        section = self.section(name)
        if isinstance(section, Absent):
            return []
        return list(entry.iter_unpack(section[: min(len(section) // entry.size, limit) * entry.size]))

    @cached_property
    def blob_chain(self) -> BlobChain:
        """Where the blobs lie; the chain starts right behind the primary dump."""
        return walk_blobs(self.data, self.triage.size_of_dump if self.triage else len(self.data))

    def string(self, offset: int) -> str | Absent:
        """The DUMP_STRING at a file offset: a length in characters, then UTF-16."""
        start = offset + DumpString.SIZE
        if start > len(self.data):
            return Absent.CORRUPT
        (length,) = _LENGTH.unpack_from(self.data, offset)
        end = start + 2 * length
        if not 0 < length <= STRING_LIMIT or end > len(self.data):
            return Absent.CORRUPT
        return utf_16_le_decode(self.data[start:end], "surrogatepass", True)[0].rstrip("\0") or Absent.CORRUPT


def _require_small(header: Record) -> None:
    field: Field[Any] = type(header).dump_type  # type: ignore[attr-defined]
    value: int = header.dump_type  # type: ignore[attr-defined]
    if value == DumpType.TRIAGE or is_fill(field, value):
        return
    words = DumpType(value).words if value in set(DumpType) else "an unknown kind of dump"
    raise UnsupportedFormat(
        "not a small memory dump", offset=field.offset, expected="DumpType 4", found=f"DumpType {value}, {words}"
    )


_LENGTH = DumpString.unpacker("length")
_DRIVER = ("driver_name_offset", "dll_base", "size_of_image", "check_sum", "time_date_stamp")
_DRIVER64, _DRIVER32 = DriverEntry64.unpacker(*_DRIVER), DriverEntry32.unpacker(*_DRIVER)
_BLOCK = TriageDataBlock.unpacker("address", "offset", "size")
