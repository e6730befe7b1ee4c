"""A module's lines: its `DEBUG_S_…` subsections, indexed when the module is first asked about."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache, cached_property
from typing import NamedTuple

from smalldump.errors import SymbolError
from smalldump.layout.codeview import (
    FileChecksum,
    InlineeSourceLine,
    LineEntry,
    LinesFileBlock,
    LinesHeader,
    SubsectionHeader,
    SubsectionKind,
)
from smalldump.symbols.streams import Stream

__all__ = ["FileLine", "LineRange", "ModuleLines"]

_SUBSECTION = SubsectionHeader.unpacker("type", "cb_len")
_CODE = LinesHeader.unpacker("off_con", "seg_con", "cb_con")
_BLOCK = LinesFileBlock.unpacker("off_file", "n_lines", "cb_block")
_LINE = LineEntry.unpacker("offset", "line")
_INLINEE = InlineeSourceLine.unpacker("inlinee", "file_id", "source_line_num")
_LINE_MASK = 0xFFFFFF
_WORD = 0xFFFFFFFF
_NO_LINES = frozenset((0xFEEFEE, 0xF00F00))  # code that the compiler made, and that debuggers step over
_EXTRA_FILES = 1


class FileLine(NamedTuple):
    """A line of a file; the file by its offset in the module's list of files."""

    file: int
    line: int


class LineRange(NamedTuple):
    """The code that a `DEBUG_S_LINES` subsection is about.

    Attributes:
        section, offset, size: That code.
        at, end: Offsets of the subsection's file blocks.
    """

    section: int
    offset: int
    size: int
    at: int
    end: int


class ModuleLines:
    """The line information of one module.

    Raises:
        SymbolError: The subsections do not follow one another.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._blocks_of = cache(self._read_blocks)
        self._ranges: list[LineRange] = []
        self._files: Stream | None = None
        self._inlinees: list[Stream] = []
        for kind, part, at in _subsections(stream):
            self._sort_in(kind, part, at)
        self._ranges.sort()
        self._starts = [(each.section, each.offset) for each in self._ranges]

    def _sort_in(self, kind: int, part: Stream, at: int) -> None:
        if kind == SubsectionKind.LINES:
            offset, section, size = part.unpack(_CODE, 0)
            self._ranges.append(LineRange(section, offset, size, at + LinesHeader.SIZE, at + len(part)))
        elif kind == SubsectionKind.FILECHKSMS:
            self._files = part
        elif kind == SubsectionKind.INLINEELINES:
            self._inlinees.append(part)

    def __iter__(self) -> Iterator[LineRange]:
        """What has lines, by section and offset."""
        return iter(self._ranges)

    def at(self, section: int, offset: int) -> FileLine | None:
        """The line that the code at a place comes from."""
        index = bisect_right(self._starts, (section, offset)) - 1
        if index < 0:
            return None
        found = self._ranges[index]
        distance = offset - found.offset
        return self._line_in(found, distance) if found.section == section and distance < found.size else None

    def _line_in(self, code: LineRange, distance: int) -> FileLine | None:
        best = (-1, 0, 0)
        for file, lines in self._blocks_of(code):
            index = bisect_right(lines, (distance, _WORD)) - 1
            if index >= 0 and lines[index][0] >= best[0]:
                best = (lines[index][0], file, lines[index][1] & _LINE_MASK)
        start, file, line = best
        return None if start < 0 or line in _NO_LINES else FileLine(file, line)

    def _read_blocks(self, code: LineRange) -> list[tuple[int, list[tuple[int, int]]]]:
        found, at = [], code.at
        while at < code.end:
            file, count, size = self._stream.unpack(_BLOCK, at)
            needed = LinesFileBlock.SIZE + count * LineEntry.SIZE
            if not needed <= size <= code.end - at:
                raise SymbolError("a block of lines has no end", offset=at, found=f"{count:,} lines, {size:#x} bytes")
            data = self._stream.data[at + LinesFileBlock.SIZE : at + needed]
            if count:
                found.append((file, list(_LINE.iter_unpack(data))))
            at += size
        return found

    def lines(self, code: LineRange) -> Iterator[tuple[int, int, int]]:
        """All lines of a range: offset from its start, file, line; by file block, ascending in each."""
        for file, lines in self._blocks_of(code):
            for offset, line in lines:
                yield offset, file, line & _LINE_MASK

    def name_offset(self, file: int) -> int | None:
        """Where a file's name is in the string table, or None where the module lists no files."""
        return None if self._files is None else self._files.u32(file + FileChecksum.offst_file_name.offset)

    @cached_property
    def inlinees(self) -> dict[int, FileLine]:
        """Where each inlined function begins, by its item."""
        return {item: FileLine(file, line) for part in self._inlinees for item, file, line in _inlinees(part)}


def _subsections(stream: Stream) -> Iterator[tuple[int, Stream, int]]:
    at = 0
    while at + SubsectionHeader.SIZE <= len(stream):
        kind, size = stream.unpack(_SUBSECTION, at)
        at += SubsectionHeader.SIZE
        yield kind, stream.part(at, size, stream.name), at
        at += (size + 3) & ~3


def _inlinees(part: Stream) -> Iterator[tuple[int, int, int]]:
    extra, at = part.u32(0) == _EXTRA_FILES, 4
    while at + InlineeSourceLine.SIZE <= len(part):
        yield part.unpack(_INLINEE, at)
        at += InlineeSourceLine.SIZE
        if extra:
            at += 4 + 4 * part.u32(at)
