"""Physical memory out of a Windows dump: which pages the file holds, by the type of dump that its header names.

Source: format reference §6.1. A header may lie: runs and bitmaps are taken as far as they can be true of any machine,
what is wrong is said, and only a file that yields no page at all is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from smalldump.errors import FormatError, Truncated, UnsupportedFormat
from smalldump.layout.big_dump import (
    FULL_DUMP,
    RDMP_DUMP,
    RDMP_MARK,
    SUMMARY_DUMP,
    BitmapDump,
    RdmpDump,
    RdmpRun,
    SummaryDump32,
    SummaryDump64,
)
from smalldump.layout.dump import (
    FILL,
    SIGNATURE_64,
    DumpHeader32,
    DumpHeader64,
    DumpType,
    MemoryRun32,
    MemoryRun64,
    PhysicalMemoryDescriptor32,
    PhysicalMemoryDescriptor64,
    is_fill,
)
from smalldump.memory import PAGE, BitmapSpace, FileSpace, PageBitmap, Run, RunSpace
from smalldump.model.machine import machine_of
from smalldump.sources.physical_memory import PhysicalMemory

__all__ = ["open_dump"]

_MOST_PAGES = 1 << 40
"""No processor has more: 52 bits of physical address, 4 KiB each."""
_MOST_BITS = 1 << 34
"""64 TiB, more than any Windows takes; a bitmap of 2 GiB."""
_MOST_RUNS = 1 << 20
_RUNS_AT_ONCE = 4096

_Header = DumpHeader32 | DumpHeader64


def open_dump(file: FileSpace) -> PhysicalMemory:
    """The physical memory of a Windows dump that begins with its signature.

    Raises:
        Truncated: The file ends before its first page.
        UnsupportedFormat: A dump of another kind: a small one, or one without memory.
        FormatError: No page can be had.
    """
    kind = DumpHeader64 if file.read_some(0, 8) == SIGNATURE_64 else DumpHeader32
    start = file.read_some(0, kind.SIZE)
    header = kind(start + (FILL * (kind.SIZE // 4))[len(start) :])
    if file.size <= kind.SIZE:
        raise Truncated("the dump has no pages", expected=f"more than {kind.SIZE:#x} bytes", found=f"{file.size:#x}")
    number = header.dump_type
    # Windows NT 4.0 and 2000 knew no types: all dumps were complete.
    read = _complete if is_fill(kind.dump_type, number) else _READERS.get(number)
    if read is None:
        raise UnsupportedFormat(
            "not a dump of physical memory",
            offset=kind.dump_type.offset,
            expected="type 1, 2, 5, 6, 8, 9 or 10",
            found=str(number),
        )
    return read(file, header)._replace(
        kind=DumpType(number).words if number in _READERS else DumpType.FULL.words,
        machine=machine_of(header.machine_image_type, 64 if kind is DumpHeader64 else 32),
        header=header,
    )


def _complete(file: FileSpace, header: _Header) -> PhysicalMemory:
    block = type(header).physical_memory_block
    wide = isinstance(header, DumpHeader64)
    head = (PhysicalMemoryDescriptor64 if wide else PhysicalMemoryDescriptor32)(header.physical_memory_block)
    kind = MemoryRun64 if wide else MemoryRun32
    room = (block.size - head.SIZE) // kind.SIZE
    if not 0 < head.number_of_runs <= room:
        raise FormatError(
            "the number of memory runs is wrong",
            offset=block.offset,
            expected=f"1 to {room}",
            found=f"{head.number_of_runs:#x}",
        )
    # Bytes, not a view: a view that an unfinished iter_unpack holds crashes the garbage collector of CPython 3.11.
    data = header.physical_memory_block[head.SIZE :][: head.number_of_runs * kind.SIZE]
    pairs = kind.unpacker("base_page", "page_count").iter_unpack(data)
    runs = _Runs(pairs, header.SIZE, block.offset + head.SIZE, kind.SIZE)
    return runs.memory(file, head.number_of_pages)


class _Runs:
    """Runs of pages that follow one another in the file, as far as they can be true; iterated once."""

    def __init__(self, pairs: Iterable[tuple[int, int]], first_page: int, at: int, size: int) -> None:
        self._pairs, self._at, self._size = pairs, at, size
        self.troubles: list[FormatError] = []
        self.first_page = self.end = first_page

    def __iter__(self) -> Iterator[Run]:
        for number, (base, count) in enumerate(self._pairs):
            if base + count > _MOST_PAGES:
                # What follows lies behind this run's pages, so it cannot be found either.
                self.troubles.append(_beyond(base, count, self._at + number * self._size))
                return
            yield Run(base * PAGE, (base + count) * PAGE, self.end)
            self.end += count * PAGE

    def memory(self, file: FileSpace, promised: int | None) -> PhysicalMemory:
        space = RunSpace(file, self, file.size)
        pages = (self.end - self.first_page) // PAGE
        if promised is not None and pages != promised and not self.troubles:
            found = f"{pages:#x} in runs"
            self.troubles.append(FormatError("pages do not add up", expected=f"{promised:#x}", found=found))
        return _memory(space, file, self.end, self.troubles)


def _beyond(base: int, count: int, offset: int) -> FormatError:
    return FormatError(
        "a memory run lies beyond physical memory",
        offset=offset,
        expected="page numbers below 2^40",
        found=f"{count:#x} pages from {base:#x} on",
    )


def _memory(
    space: RunSpace | BitmapSpace, file: FileSpace, pages_end: int, troubles: Iterable[FormatError]
) -> PhysicalMemory:
    found = list(troubles)
    if space.next_readable(0, _MOST_PAGES * PAGE) is None:
        raise found[0] if found else Truncated("no page of the dump is in the file", found=f"{file.size:#x} bytes")
    if file.size < pages_end:
        found.append(
            Truncated("the file ends before its last page", expected=f"{pages_end:#x} bytes", found=f"{file.size:#x}")
        )
    return PhysicalMemory("", space, troubles=tuple(found), pages_end=pages_end)


def _summary(file: FileSpace, header: _Header) -> PhysicalMemory:
    kind = SummaryDump64 if isinstance(header, DumpHeader64) else SummaryDump32
    head = kind(file.read_some(header.SIZE, kind.SIZE))
    _require_signature(file, header.SIZE, (SUMMARY_DUMP,))
    return _bitmap_memory(file, header.SIZE + head.SIZE, head.header_size, head.bitmap_size, head.pages)


def _bitmap(file: FileSpace, header: _Header) -> PhysicalMemory:
    head = BitmapDump(file.read_some(header.SIZE, BitmapDump.SIZE))
    _require_signature(file, header.SIZE, (SUMMARY_DUMP, FULL_DUMP))
    return _bitmap_memory(file, header.SIZE + head.SIZE, head.first_page, head.pages, head.total_present_pages)


def _bitmap_memory(file: FileSpace, at: int, first_page: int, bits: int, pages: int) -> PhysicalMemory:
    end = at + (bits + 7) // 8
    if not 0 < bits <= _MOST_BITS:
        raise FormatError("the bitmap's size is wrong", offset=at, expected="1 to 2^34 bits", found=f"{bits:#x}")
    if not end <= first_page <= file.size:
        raise FormatError(
            "the first page does not follow the bitmap",
            offset=at,
            expected=f"{end:#x} to {file.size:#x}",
            found=f"{first_page:#x}",
        )
    troubles = []
    if pages > bits:
        troubles.append(
            FormatError("more pages than page frames", offset=at, expected=f"{bits:#x}", found=f"{pages:#x}")
        )
    space = BitmapSpace(file, PageBitmap(file, at, bits), first_page, file.size)
    return _memory(space, file, first_page + min(pages, bits) * PAGE, troubles)


def _require_signature(file: FileSpace, offset: int, known: tuple[bytes, ...]) -> None:
    found = file.read_some(offset, 8)
    if found not in known:
        raise FormatError(
            "the header of the pages is missing",
            offset=offset,
            expected=" or ".join(each.decode() for each in known),
            found=repr(found),
        )


def _rdmp(file: FileSpace, header: _Header) -> PhysicalMemory:
    if not isinstance(header, DumpHeader64):
        raise UnsupportedFormat("a 32-bit dump of a debugger of type 8 to 10: none is known")
    at = header.SIZE
    head = RdmpDump(file.read_some(at, RdmpDump.SIZE))
    _require_signature(file, at + RdmpDump.signature.offset, (RDMP_DUMP,))
    first = at + 0x20 + head.metadata_size
    if head.mark != RDMP_MARK or head.first_page_offset != first or not at + head.SIZE <= first <= file.size:
        raise FormatError(
            "the first page does not follow the runs",
            offset=at + RdmpDump.first_page_offset.offset,
            expected=f"{first:#x}",
            found=f"{head.first_page_offset:#x}",
        )
    known = header.dump_type == DumpType.RDMP_FULL
    limit = head.number_of_ranges if known else _MOST_RUNS + 1
    begin = at + head.SIZE
    runs = _Runs(_rdmp_pairs(file, begin, first, limit), first, begin, RdmpRun.SIZE)
    return runs.memory(file, head.total_number_of_pages if known else None)


def _rdmp_pairs(file: FileSpace, begin: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    unpacker = RdmpRun.unpacker("base_page", "page_count")
    left = min(limit, (end - begin) // RdmpRun.SIZE)
    left = min(left, _MOST_RUNS)
    while left > 0:
        data = file.read_some(begin, min(left, _RUNS_AT_ONCE) * RdmpRun.SIZE)
        for base, count in unpacker.iter_unpack(data[: len(data) - len(data) % RdmpRun.SIZE]):
            if not base:
                return
            yield base, count
        begin, left = begin + len(data), left - _RUNS_AT_ONCE


_READERS: dict[int, Callable[[FileSpace, _Header], PhysicalMemory]] = {
    DumpType.FULL: _complete,
    DumpType.SUMMARY: _summary,
    DumpType.BITMAP_FULL: _bitmap,
    DumpType.BITMAP_KERNEL: _bitmap,
    DumpType.RDMP_KERNEL: _rdmp,
    DumpType.RDMP_KERNEL_AND_USER: _rdmp,
    DumpType.RDMP_FULL: _rdmp,
}
