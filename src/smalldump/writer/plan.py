"""The plan: where each piece of a small dump will lie. It is data, and can be printed before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from smalldump.errors import BudgetTooSmall
from smalldump.layout.blobs import DumpBlobFileHeader, DumpBlobHeader
from smalldump.layout.dump import DumpHeader32, DumpHeader64
from smalldump.layout.triage import (
    MARKER,
    DriverEntry32,
    DriverEntry64,
    MiTriageStorage32,
    MiTriageStorage64,
    TriageDataBlock,
    TriageDump32,
    TriageDump64,
    UnloadedDriver32,
    UnloadedDriver64,
)
from smalldump.writer.contents import Contents

__all__ = ["Placed", "Plan", "aligned", "blob_size", "driver_names", "place", "size_of", "string_size"]

_ALIGNMENT = 8  # of sections; the payloads of data blocks are packed


class Placed(NamedTuple):
    """A piece with its place in the file.

    Attributes:
        name: `KPRCB`, `call stack`, `data block 3`, `blob 0` …
        detail: What it is, for people.
    """

    name: str
    offset: int
    size: int
    detail: str = ""

    @property
    def end(self) -> int:
        """File offset behind the last byte."""
        return self.offset + self.size


class Plan(NamedTuple):
    """Where everything lies.

    Attributes:
        pieces: In file order.
        marker: File offset of the end marker.
        size: Bytes of the file.
    """

    pieces: tuple[Placed, ...]
    marker: int
    size: int

    @property
    def size_of_dump(self) -> int:
        """Bytes of the primary dump, up to and with the marker."""
        return self.marker + len(MARKER)

    def find(self, name: str) -> Placed | None:
        """The piece of that name."""
        return next((piece for piece in self.pieces if piece.name == name), None)


def place(contents: Contents, size: int | None = None) -> Plan:
    """Give every piece its place.

    Args:
        size: Bytes of the file; zeros before the marker fill it up. None: as small as possible.

    Raises:
        BudgetTooSmall: The contents need more than `size` bytes.
    """
    pieces: list[Placed] = []
    end = 0
    for name, length, detail in _sections(contents):
        offset = end if name.startswith("data block ") else aligned(end)
        pieces.append(Placed(name, offset, length, detail))
        end = offset + length
    blobs = blob_area(contents)
    needed = end + len(MARKER) + blobs
    if size is not None and needed > size:
        raise BudgetTooSmall(needed, size)
    marker = end if size is None else size - blobs - len(MARKER)
    pieces.append(Placed("marker", marker, len(MARKER), "TRGD"))
    pieces += _placed_blobs(contents, marker + len(MARKER))
    return Plan(tuple(pieces), marker, marker + len(MARKER) + blobs)


def size_of(contents: Contents) -> int:
    """Bytes of the smallest file that holds the contents."""
    end = 0
    for name, length, _ in _sections(contents):
        end = length + (end if name.startswith("data block ") else aligned(end))
    return end + len(MARKER) + blob_area(contents)


def _sections(contents: Contents) -> Iterator[tuple[str, int, str]]:
    wide = contents.machine.bits == 64
    yield "dump header", (DumpHeader64 if wide else DumpHeader32).SIZE, ""
    yield "triage header", (TriageDump64 if wide else TriageDump32).SIZE, ""
    yield "MM block", aligned((MiTriageStorage64 if wide else MiTriageStorage32).SIZE), "memory manager counters"
    if contents.unloaded is not None:
        entry = UnloadedDriver64 if wide else UnloadedDriver32
        count = len(contents.unloaded)
        yield "unloaded drivers", (8 if wide else 4) + count * entry.SIZE, f"{count} drivers"
    for name, data in (("KPRCB", contents.kprcb), ("EPROCESS", contents.eprocess), ("ETHREAD", contents.ethread)):
        if data:
            yield name, aligned(len(data)), ""
    if contents.stack:
        yield "call stack", len(contents.stack), ""
    if contents.debugger_data:
        yield "debugger data block", len(contents.debugger_data), ""
    yield from _lists(contents)
    yield from _memory(contents)


def _lists(contents: Contents) -> Iterator[tuple[str, int, str]]:
    count = len(contents.drivers)
    entry = DriverEntry64 if contents.machine.bits == 64 else DriverEntry32
    if count:
        yield "driver list", count * entry.SIZE, f"{count} drivers"
    names = sum(map(string_size, driver_names(contents)))
    if contents.broken_driver:
        names += string_size(contents.broken_driver)
    if names:
        yield "string pool", names, "paths" if contents.full_paths else "file names"


def _memory(contents: Contents) -> Iterator[tuple[str, int, str]]:
    if contents.data_page is not None:
        yield "data page", len(contents.data_page[1]), ""
    if contents.blocks:
        yield "data block table", len(contents.blocks) * TriageDataBlock.SIZE, f"{len(contents.blocks)} blocks"
    for index, block in enumerate(contents.blocks):
        if not block.alias:
            yield f"data block {index}", len(block.data), f"{block.why}, {block.owner}" if block.owner else block.why


def _placed_blobs(contents: Contents, start: int) -> Iterator[Placed]:
    if not contents.blobs:
        return
    yield Placed("blob file header", start, DumpBlobFileHeader.SIZE, "")
    offset = start + DumpBlobFileHeader.SIZE
    for index, blob in enumerate(contents.blobs):
        size = blob_size(len(blob.data))
        yield Placed(f"blob {index}", offset, size, blob.guid)
        offset += size


def blob_area(contents: Contents) -> int:
    """Bytes of all secondary data."""
    sizes = sum(blob_size(len(blob.data)) for blob in contents.blobs)
    return DumpBlobFileHeader.SIZE + sizes if contents.blobs else 0


def blob_size(data_size: int) -> int:
    """Bytes of a blob with its header and its padding to 8, which counts from the blob's start."""
    return aligned(DumpBlobHeader.SIZE + data_size)


def driver_names(contents: Contents) -> list[str]:
    """What the string pool holds for the drivers."""
    return [driver.path if contents.full_paths else driver.file for driver in contents.drivers]


@lru_cache(maxsize=4096)
def string_size(text: str) -> int:
    """Bytes of a DUMP_STRING: length, characters, NUL, padding to 8."""
    bytes_of_text = 2 * len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass"))
    return aligned(4 + bytes_of_text + 2)


def aligned(size: int) -> int:
    """The size rounded up to a multiple of 8."""
    return (size + _ALIGNMENT - 1) & -_ALIGNMENT
