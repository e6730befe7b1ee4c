"""A portable executable, as a file or as it lies in memory: places are RVAs, bytes from the start of the image.

Nothing is decoded before it is asked for, and nothing is copied but what is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import NamedTuple

from smalldump.errors import FormatError, MemoryUnavailable
from smalldump.images.codeview import CodeView, read_codeview
from smalldump.images.exports import Export, ExportTable
from smalldump.images.functions import FunctionTable
from smalldump.layout.pe import (
    EXECUTABLE,
    PE_SIGNATURE,
    DataDirectory,
    Directory,
    DosHeader,
    FileHeader,
    OptionalHeader32,
    OptionalHeader64,
    OptionalMagic,
    SectionHeader,
)
from smalldump.memory import AddressSpace, RangeMap

__all__ = ["PeImage", "Section"]

_OPTIONAL: dict[int, type[OptionalHeader32] | type[OptionalHeader64]] = {
    OptionalMagic.PE32: OptionalHeader32,
    OptionalMagic.PE32_PLUS: OptionalHeader64,
}
_DIRECTORIES = 16
_SECTIONS = 96
"""Most sections that are looked at; the loader of Windows XP took no more, real images have a few dozen."""


class Section(NamedTuple):
    """A section of an image.

    Attributes:
        name: As the header has it: what is not ASCII is replaced.
        rva: Where it begins.
        size: Bytes in memory.
        file_offset, file_size: Where in the file its first bytes are; the others are zeros.
        characteristics: IMAGE_SCN_*.
    """

    name: str
    rva: int
    size: int
    file_offset: int
    file_size: int
    characteristics: int

    @property
    def end(self) -> int:
        """RVA behind the last byte."""
        return self.rva + self.size

    @property
    def executable(self) -> bool:
        """Whether it holds code."""
        return bool(self.characteristics & EXECUTABLE)


class PeImage(ABC):
    """An image that was found to have PE headers.

    Attributes:
        machine: `IMAGE_FILE_MACHINE_*`.
        timestamp: TimeDateStamp of the file header.
        size_of_image: Bytes in memory.
        checksum: CheckSum of the optional header.
        image_base: Preferred address; of an image in memory usually the true one.
        entry_point: RVA of the entry point, 0 for none.
        sections: In the order of their headers.
    """

    _file = memoryview(b"")

    def __init__(self) -> None:
        """Read the headers.

        Raises:
            FormatError: They are no PE headers.
            MemoryUnavailable: They are not there.
        """
        start = self._start()
        file_header = FileHeader(self.read(start, FileHeader.SIZE))
        at = start + FileHeader.SIZE
        optional = self._optional(at)
        self.machine = file_header.machine
        self.timestamp = file_header.time_date_stamp
        self.size_of_image = optional.size_of_image
        self.size_of_headers = optional.size_of_headers
        self.checksum = optional.check_sum
        self.image_base = optional.image_base
        self.entry_point = optional.address_of_entry_point
        count = min(optional.number_of_rva_and_sizes, _DIRECTORIES)
        self._directories = self.read_some(at + optional.SIZE, count * DataDirectory.SIZE)
        sections = at + file_header.size_of_optional_header
        self.sections = tuple(self._sections(sections, min(file_header.number_of_sections, _SECTIONS)))

    @staticmethod
    def from_file(data: memoryview) -> PeImage:
        """View the image in a file's bytes; sections are taken to their RVAs, and their tails are zeros.

        Raises:
            FormatError: It is no portable executable.
            MemoryUnavailable: The file ends within the headers.
        """
        return _FileImage(data)

    @staticmethod
    def in_memory(space: AddressSpace, base: int) -> PeImage:
        """View the image that is loaded at `base`, as far as its memory is there.

        Raises:
            FormatError: What is there is no portable executable.
            MemoryUnavailable: The headers are not there.
        """
        return _MappedImage(space, base)

    @abstractmethod
    def read_some(self, rva: int, size: int) -> bytes:
        """Read at most `size` bytes from `rva` on, stopping at the first byte that is not there."""

    def read_raw(self, offset: int, size: int) -> bytes:
        """Read at most `size` bytes at a file offset; nothing where there is no file."""
        return bytes(self._file[offset : offset + size])

    def read(self, rva: int, size: int) -> bytes:
        """Read `size` bytes from `rva` on.

        Raises:
            MemoryUnavailable: Some byte is not there; its `address` is an RVA.
        """
        data = self.read_some(rva, size)
        if len(data) < size:
            raise MemoryUnavailable(rva, size, data)
        return data

    @abstractmethod
    def view(self, rva: int, size: int, /) -> memoryview | None:
        """All `size` bytes from `rva` on, not copied where they need not be, or None where they are not at hand."""

    def directory(self, index: Directory) -> tuple[int, int] | None:
        """RVA and size of a data directory, or None where the image has none."""
        at = index * DataDirectory.SIZE
        if len(self._directories) < at + DataDirectory.SIZE:
            return None
        found = DataDirectory(self._directories, at)
        return (found.virtual_address, found.data_size) if found.virtual_address and found.data_size else None

    def section_at(self, rva: int) -> Section | None:
        """The section that holds `rva`, if any; where they overlap the first one."""
        return next((section for section in self.sections if section.rva <= rva < section.end), None)

    def is_code(self, rva: int) -> bool:
        """Whether `rva` lies in a section that may be executed."""
        section = self.section_at(rva)
        return section is not None and section.executable

    @cached_property
    def codeview(self) -> CodeView | None:
        """The identity of the image's PDB, or None where there is none, or it is not there or malformed."""
        return read_codeview(self, self.directory(Directory.DEBUG))

    @cached_property
    def functions(self) -> FunctionTable:
        """The table of functions with their unwind data, of x64 and ARM64."""
        return FunctionTable(self, self.machine, self.directory(Directory.EXCEPTION))

    @cached_property
    def _exports(self) -> ExportTable:
        return ExportTable(self, self.directory(Directory.EXPORT))

    @property
    def exports(self) -> tuple[Export, ...]:
        """What the image exports by name, in order of RVA; forwarders first. What is malformed is left out."""
        return self._exports.all

    def nearest_export(self, rva: int) -> Export | None:
        """The last export that begins at or before `rva`, in the same section."""
        found, section = self._exports.before(rva), self.section_at(rva)
        if found is None or section is None or found.rva < section.rva:
            return None
        return found

    def _start(self) -> int:
        dos = DosHeader(self.read(0, DosHeader.SIZE))
        if dos.e_magic != b"MZ":
            raise FormatError("no portable executable", offset=0, expected="`MZ`", found=dos.e_magic.hex())
        found = self.read_some(dos.e_lfanew, 4)
        if found != PE_SIGNATURE:
            what = found.hex() or "nothing"
            raise FormatError("no portable executable", offset=dos.e_lfanew, expected="`PE`", found=what)
        return dos.e_lfanew + len(PE_SIGNATURE)

    def _optional(self, at: int) -> OptionalHeader32 | OptionalHeader64:
        magic = int.from_bytes(self.read(at, 2), "little")
        kind = _OPTIONAL.get(magic)
        if kind is None:
            raise FormatError("unknown optional header", offset=at, expected="0x10b or 0x20b", found=f"{magic:#x}")
        return kind(self.read(at, kind.SIZE))

    def _sections(self, at: int, count: int) -> list[Section]:
        table = self.read_some(at, count * SectionHeader.SIZE)
        headers = (SectionHeader(table, SectionHeader.SIZE * i) for i in range(len(table) // SectionHeader.SIZE))
        return [_section(header) for header in headers]


def _section(header: SectionHeader) -> Section:
    size = header.virtual_size or header.size_of_raw_data
    return Section(
        header.section_name.rstrip(b"\0").decode("ascii", "replace"),
        header.virtual_address,
        size,
        header.pointer_to_raw_data,
        min(header.size_of_raw_data, size),
        header.characteristics,
    )


class _FileImage(PeImage):
    def __init__(self, data: memoryview) -> None:
        self._file = data
        self._map: RangeMap[Section] = RangeMap([(0, len(data), Section("", 0, len(data), 0, len(data), 0))])
        super().__init__()
        headers = min(self.size_of_headers, len(data))
        pieces = [(0, headers, Section("", 0, headers, 0, headers, 0))]
        self._map = RangeMap([*pieces, *((section.rva, section.end, section) for section in self.sections)])

    def read_some(self, rva: int, size: int) -> bytes:
        found = self._map.find(rva)
        if found is None or size <= 0:
            return b""
        _, end, section = found
        if rva + size <= end:
            return self._piece(section, rva, size)
        data = self._piece(section, rva, end - rva)
        return data + self.read_some(end, size - len(data)) if rva + len(data) == end else data

    # What the file should hold but does not is missing; only what lies behind its part is zero.
    def _piece(self, section: Section, rva: int, size: int) -> bytes:
        within = rva - section.rva
        inside = max(0, min(size, section.file_size - within))
        at = section.file_offset + within
        data = bytes(self._file[at : at + inside])
        return data if len(data) < inside else data + bytes(size - inside)

    def view(self, rva: int, size: int, /) -> memoryview | None:
        found = self._map.find(rva)
        if found is not None and rva + size <= found[1]:
            within = rva - found[2].rva
            at = found[2].file_offset + within
            if within + size <= found[2].file_size and at + size <= len(self._file):
                return self._file[at : at + size]
        data = self.read_some(rva, size)
        return memoryview(data) if len(data) == size else None


class _MappedImage(PeImage):
    def __init__(self, space: AddressSpace, base: int) -> None:
        self._space, self._base = space, base
        super().__init__()

    def read_some(self, rva: int, size: int) -> bytes:
        return self._space.read_some(self._base + rva, size) if size > 0 else b""

    # Memory has gaps: tables are looked up where they lie, and nothing is read but what the look-up leads to. A small
    # dump holds just that, since whoever collects it looks up the same way.
    def view(self, _rva: int, _size: int, /) -> memoryview | None:
        return None
