"""Physical memory out of a kdump-compressed file of QEMU: blocks compressed one by one, plain or flattened.

Blocks are unpacked when they are asked for. QEMU calls each machine x86_64 here, so its processors tell what it is.
"""

from __future__ import annotations

import struct
from array import array
from collections import OrderedDict
from collections.abc import Iterator

from smalldump.errors import FormatError, Truncated, UnsupportedFormat
from smalldump.layout.kdump import (
    DiskDumpHeader32,
    DiskDumpHeader64,
    KdumpSubHeader32,
    KdumpSubHeader64,
    PageDescriptor,
)
from smalldump.memory import FileSpace, PageBitmap, PhysicalSpace, Run, RunSpace
from smalldump.model.absent import Absent, present
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.sources.elf_notes import cpu_states, is_arm64, machine_told
from smalldump.sources.kdump_blocks import require_unpackers, unpacked_block
from smalldump.sources.physical_memory import PhysicalMemory

__all__ = ["open_flat", "open_kdump"]

_MOST_BITS = 1 << 34
_MOST_NOTES = 16 << 20
_BLOCKS = (0x1000, 0x2000, 0x4000, 0x8000, 0x10000)  # x86 and x64: 4 KiB, ARM64: 64 KiB (seen)
_KEPT_BLOCKS = 64
_MOST_UNFOLDED = 64  # bytes of memory for one of the file, blocks of zeros aside: those share their bytes
_DESCRIPTORS = 4096  # read at once
_MOST_BAD_BLOCKS = 65_536  # in a row, before what follows is given up
_MACHINES = {b"x86_64": X64, b"aarch64": ARM64, b"Unknown": None}  # QEMU 7.2 knows no name for ARM64 (seen)

_FLAT_HEADER = 4096
_PIECE = struct.Struct(">qq")
_MOST_PIECES = 1 << 20

_Header = DiskDumpHeader32 | DiskDumpHeader64


def open_kdump(file: FileSpace) -> PhysicalMemory:
    """The physical memory and the processors of a kdump-compressed file.

    Raises:
        UnsupportedFormat: Its pages are compressed by something that needs a package which is not there.
        FormatError: Its headers cannot be true.
    """
    header = _header(file)
    require_unpackers(header.status)
    narrow = isinstance(header, DiskDumpHeader32)
    block = header.block_size
    second = (KdumpSubHeader32 if narrow else KdumpSubHeader64)(file.read_some(block, KdumpSubHeader64.SIZE))
    bits = second.max_mapnr_64 if header.header_version >= 6 else header.max_mapnr
    half = header.bitmap_blocks // 2 * block
    if not 0 < bits <= min(_MOST_BITS, half * 8):
        raise FormatError(
            "the bitmap's size is wrong",
            offset=type(header).bitmap_blocks.offset,
            expected=f"1 to {half * 8:#x} page frames",
            found=f"{bits:#x}",
        )
    bitmaps = (1 + header.sub_hdr_size) * block
    space = _KdumpSpace(file, PageBitmap(file, bitmaps + half, bits), bitmaps + 2 * half, block)
    if next(space.ranges(), None) is None:
        raise Truncated("no page of the kdump is in the file", found=f"{file.size:#x} bytes")
    notes = [file.read_some(second.offset_note, min(second.note_size, _MOST_NOTES))]
    machine = _machine(header, notes)
    cpus = tuple(cpu_states(present(machine) or X64, notes))
    size = file.stored if isinstance(file, _FlatFile) else file.size
    most = min(size // PageDescriptor.SIZE * block, size * _MOST_UNFOLDED)  # no block without a descriptor
    return PhysicalMemory("kdump-compressed file", space, machine, cpus=cpus, stored=most)


def _header(file: FileSpace) -> _Header:
    start = file.read_some(0, DiskDumpHeader64.SIZE)
    header: _Header = DiskDumpHeader32(start)
    # In the wider header a time stamp lies there, which is never written.
    if header.block_size not in _BLOCKS:
        header = DiskDumpHeader64(start)
    if header.block_size not in _BLOCKS:
        raise UnsupportedFormat("a kdump of other blocks", expected="4 to 64 KiB", found=str(header.block_size))
    return header


def _machine(header: _Header, notes: list[bytes]) -> Machine | Absent:
    if isinstance(header, DiskDumpHeader32):
        return X86
    name = header.machine.partition(b"\0")[0]
    if name not in _MACHINES:
        raise UnsupportedFormat("a kdump of another machine", expected="x86_64 or aarch64", found=repr(name))
    return ARM64 if _MACHINES[name] is ARM64 or is_arm64(notes) else machine_told(notes, X64)


class _KdumpSpace(PhysicalSpace):
    """Blocks of one size, each with a descriptor; the last ones that were unpacked are kept."""

    def __init__(self, file: FileSpace, bitmap: PageBitmap, descriptors: int, block: int) -> None:
        self._file, self._bitmap, self._descriptors, self._size = file, bitmap, descriptors, block
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def read_some(self, address: int, size: int) -> bytes:
        return b"".join(self._pieces(address, address + size))

    def _pieces(self, address: int, end: int) -> Iterator[bytes]:
        while address < end:
            number, within = divmod(address, self._size)
            piece = self._block(number)[within : within + end - address]
            yield piece
            address += len(piece)
            if not piece or (address % self._size and address < end):
                return

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        block = self._unpacked(number) if number in self._bitmap else b""
        self._blocks[number] = block
        if len(self._blocks) > _KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return block

    def _unpacked(self, number: int) -> bytes:
        # A block that cannot be unpacked is one that is not there: the others are.
        place = self._descriptors + self._bitmap.rank(number) * PageDescriptor.SIZE
        data = self._file.read_some(place, PageDescriptor.SIZE)
        if len(data) < PageDescriptor.SIZE:
            return b""
        descriptor = PageDescriptor(data)
        packed = self._file.read_some(descriptor.offset, min(descriptor.size, 2 * self._size))
        return unpacked_block(packed, descriptor.flags, self._size)

    def ranges(self) -> Iterator[tuple[int, int]]:
        """By the bitmap; damaged blocks count as there."""
        block = self._bitmap.next_set(0, self._bitmap.bits)
        while block is not None:
            end = block + self._bitmap.run(block, self._bitmap.bits)
            yield block * self._size, end * self._size
            block = self._bitmap.next_set(end, self._bitmap.bits)

    def data_ranges(self) -> Iterator[tuple[int, int]]:
        """The same without blocks of zeros: QEMU stores the first of them, and the others lead to its bytes."""
        rank, before, zeros = 0, -1, -1
        for start, end in self.ranges():
            begin = start
            for number, place in enumerate(self._places(rank, (end - start) // self._size), start // self._size):
                if place == before != zeros and not any(self._block(number)):
                    zeros = place
                if place == zeros:
                    if begin < number * self._size:
                        yield begin, number * self._size
                    begin = (number + 1) * self._size
                before = place
            if begin < end:
                yield begin, end
            rank += (end - start) // self._size

    def _places(self, rank: int, count: int) -> Iterator[int]:
        # Where the bytes of that many blocks lie, of which `rank` come before the first.
        place, unpacker = self._descriptors + rank * PageDescriptor.SIZE, PageDescriptor.unpacker("offset")
        while count > 0:
            data = self._file.read_some(place, min(count, _DESCRIPTORS) * PageDescriptor.SIZE)
            data = data[: len(data) - len(data) % PageDescriptor.SIZE]
            if not data:
                return
            yield from (offset for (offset,) in unpacker.iter_unpack(data))
            place, count = place + len(data), count - len(data) // PageDescriptor.SIZE

    def next_readable(self, start: int, end: int) -> int | None:
        for _ in range(_MOST_BAD_BLOCKS):
            block = self._bitmap.next_set(start // self._size, -(-end // self._size))
            start = end if block is None else max(start, block * self._size)
            if block is None or start >= end:
                return None
            if start in self:
                return start
            start = (block + 1) * self._size
        return None


def open_flat(file: FileSpace) -> PhysicalMemory:
    """The same out of a flattened file, which tells in pieces what to write where: all its pieces are looked at.

    Raises:
        UnsupportedFormat: It has more than 1,048,576 pieces, or is not a kdump.
        FormatError: As `open_kdump`.
    """
    return open_kdump(_FlatFile(file))


class _FlatFile(FileSpace):
    """The file that a flattened one describes; what no piece fills is zero. Later pieces win.

    Attributes:
        stored: Bytes of the flattened file.
    """

    def __init__(self, file: FileSpace) -> None:
        pieces, self.stored = _Pieces(file), file.size
        self.size = max(pieces.ends, default=0)
        self._space = RunSpace(file, reversed(pieces), file.size)
        if not self._space.read_some(0, 8).startswith(b"KDUMP"):
            raise UnsupportedFormat("a flattened file that is no kdump", offset=0, found=repr(file.read_some(0, 16)))

    def read_some(self, address: int, size: int) -> bytes:
        end = min(address + size, self.size)
        parts = []
        while address < end:
            part = self._space.read_some(address, end - address)
            if not part:
                following = self._space.next_readable(address, end)
                part = bytes((end if following is None else following) - address)
            parts.append(part)
            address += len(part)
        return b"".join(parts)

    def data_ranges(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        end = min(end, self.size)
        begin = self._space.next_readable(start, end)
        if begin is not None:
            yield begin, end


class _Pieces:
    # Arrays: QEMU writes a piece for each 16 KiB of what it has packed, a million of them for 16 GiB.
    def __init__(self, file: FileSpace) -> None:
        self.starts, self.ends, self.offsets = array("Q"), array("Q"), array("Q")
        for piece in _pieces(file):
            self.starts.append(piece.start)
            self.ends.append(piece.end)
            self.offsets.append(piece.offset)

    def __reversed__(self) -> Iterator[Run]:
        return map(Run, reversed(self.starts), reversed(self.ends), reversed(self.offsets))


def _pieces(file: FileSpace) -> Iterator[Run]:
    position = _FLAT_HEADER
    for _ in range(_MOST_PIECES):
        head = file.read_some(position, _PIECE.size)
        if len(head) < _PIECE.size:
            return
        offset, size = _PIECE.unpack(head)
        if offset < 0 or size <= 0 or offset + size >= 1 << 63:
            return
        position += _PIECE.size
        yield Run(offset, offset + size, position)
        position += size
    raise UnsupportedFormat(
        "a flattened kdump of very many pieces: put it together first (makedumpfile -R), or dump with kdump-raw-zlib",
        expected=f"at most {_MOST_PIECES:,}",
    )
