"""Physical memory that lies in a file: page runs one after the other, or the pages that a bitmap names.

Both are made for memory of any size: what they keep grows with the runs, or with one number for 16 MiB, never with the
pages.
"""

from __future__ import annotations

from abc import abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from typing import NamedTuple, TypeAlias

from smalldump.errors import FormatError
from smalldump.memory.files import FileSpace
from smalldump.memory.ranges import RangeMap
from smalldump.memory.spaces import AddressSpace

__all__ = ["PAGE", "BitmapSpace", "PageBitmap", "PhysicalSpace", "Run", "RunSpace"]

PAGE = 0x1000
"""Bytes of a physical page: x86, x64 and ARM64."""

_OVERLAPPING = 1 << 16


class PhysicalSpace(AddressSpace):
    """Memory by physical address."""

    @abstractmethod
    def ranges(self) -> Iterator[tuple[int, int]]:
        """What is there, ascending: start and end (exclusive) of ranges that do not touch more than they must."""

    def data_ranges(self) -> Iterator[tuple[int, int]]:
        """The same without parts that are known to be zeros, since the file has holes there."""
        return self.ranges()

    def offset_of(self, address: int) -> int | None:  # noqa: ARG002
        """File offset of the byte at `address`, or None if it is not there, or only in packed form."""
        return None


class Run(NamedTuple):
    """Memory `[start, end)` that lies in a file from `offset` on."""

    start: int
    end: int
    offset: int


class RunSpace(PhysicalSpace):
    """Runs of memory in a file. Where runs overlap the earlier one wins; what the file lacks is not there."""

    def __init__(self, file: AddressSpace, runs: Iterable[Run], size: int) -> None:
        """Take runs in any order.

        Args:
            file: The bytes, by file offset.
            runs: Where memory lies in them.
            size: Of the file, in bytes: runs are cut there.

        Raises:
            FormatError: More than 65,536 runs, and they overlap.
        """
        self._file = file
        self._starts, self._ends, self._offsets = _columns(run for each in runs if (run := _cut(each, size)))
        if not _ordered(self._starts, self._ends):
            self._starts, self._ends, self._offsets = _disjoint(self._starts, self._ends, self._offsets)

    def read_some(self, address: int, size: int) -> bytes:
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._ends[index] or size <= 0:
            return b""
        offset = self._offsets[index] + address - self._starts[index]
        if address + size <= self._ends[index]:
            return self._file.read_some(offset, size)
        return b"".join(self._pieces(index, address, address + size))

    def _pieces(self, index: int, address: int, end: int) -> Iterator[bytes]:
        while address < end and index < len(self._starts) and self._starts[index] <= address:
            stop = min(end, self._ends[index])
            data = self._file.read_some(self._offsets[index] + address - self._starts[index], stop - address)
            yield data
            if len(data) < stop - address:
                return
            address, index = stop, index + 1

    def ranges(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    def data_ranges(self) -> Iterator[tuple[int, int]]:
        if not isinstance(self._file, FileSpace):
            yield from self.ranges()
            return
        for start, end, offset in zip(self._starts, self._ends, self._offsets, strict=True):
            for first, last in self._file.data_ranges(offset, offset + end - start):
                yield start + first - offset, start + last - offset

    def offset_of(self, address: int) -> int | None:
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._ends[index]:
            return None
        return self._offsets[index] + address - self._starts[index]

    def next_readable(self, start: int, end: int) -> int | None:
        index = bisect_right(self._starts, start) - 1
        if index >= 0 and start < min(self._ends[index], end):
            return start
        following = self._starts[index + 1] if index + 1 < len(self._starts) else end
        return following if following < end else None

    def __contains__(self, address: int) -> bool:
        return self.offset_of(address) is not None


def _cut(run: Run, size: int) -> Run | None:
    end = min(run.end, run.start + size - run.offset)
    return Run(run.start, end, run.offset) if run.start < end else None


_Columns: TypeAlias = "tuple[array[int], array[int], array[int]]"


def _columns(runs: Iterable[Run]) -> _Columns:
    # Arrays, since a dump may have a million runs: 24 bytes for each instead of 200.
    starts, ends, offsets = array("Q"), array("Q"), array("Q")
    for run in runs:
        starts.append(run.start)
        ends.append(run.end)
        offsets.append(run.offset)
    return starts, ends, offsets


def _disjoint(starts: array[int], ends: array[int], offsets: array[int]) -> _Columns:
    order = sorted(range(len(starts)), key=starts.__getitem__)
    if all(ends[before] <= starts[after] for before, after in pairwise(order)):
        return _columns(Run(starts[index], ends[index], offsets[index]) for index in order)
    if len(starts) > _OVERLAPPING:
        found = f"{len(starts):,}"
        raise FormatError("memory runs overlap", expected=f"at most {_OVERLAPPING:,} such runs", found=found)
    pieces = RangeMap((start, end, offset - start) for start, end, offset in zip(starts, ends, offsets, strict=True))
    return _columns(Run(start, end, shift + start) for start, end, shift in pieces)


def _ordered(starts: array[int], ends: array[int]) -> bool:
    return all(end <= start for end, start in zip(ends, islice(starts, 1, None), strict=False))


_BLOCK = 512
_BLOCK_BITS = 8 * _BLOCK
_CHUNK = 128 * _BLOCK
_ZEROS = bytes(_CHUNK)


class PageBitmap:
    """A bitmap in a file (bit n of byte k is 8k + n) with the rank of every bit: how many are set before it.

    One number is kept for 512 bytes of bitmap, that is, for 16 MiB of memory, and only as far as somebody asked.
    """

    def __init__(self, file: FileSpace, offset: int, bits: int) -> None:
        """Take the bitmap of `bits` bits at byte `offset` of the file; bits that the file lacks are not set."""
        self._file, self._offset = file, offset
        self.bits = bits
        self._ranks = array("Q", [0])
        self._kept, self._kept_block = -1, 0

    def rank(self, bit: int) -> int:
        """How many bits are set before `bit`."""
        number, within = divmod(min(bit, self.bits), _BLOCK_BITS)
        while len(self._ranks) <= number:
            self._count_on()
        before: int = self._ranks[number]
        return before + (self._block(number) & ((1 << within) - 1)).bit_count() if within else before

    def run(self, bit: int, limit: int) -> int:
        """How many bits are set from `bit` on without a gap, at most `limit`."""
        found = 0
        while found < limit and bit + found < self.bits:
            number, within = divmod(bit + found, _BLOCK_BITS)
            clear = ~(self._block(number) >> within)
            here = (clear & -clear).bit_length() - 1
            found += here
            if within + here < _BLOCK_BITS:
                break
        return min(found, limit)

    def next_set(self, bit: int, end: int) -> int | None:
        """The first set bit in `[bit, end)`, or None."""
        bit, end = max(bit, 0), min(end, self.bits)
        while bit < end:
            number, within = divmod(bit, _BLOCK_BITS)
            left = self._block(number) >> within
            if left:
                bit += (left & -left).bit_length() - 1
                return bit if bit < end else None
            bit = 8 * self._skip_zeros((number + 1) * _BLOCK, (end + 7) // 8)
        return None

    def __contains__(self, bit: int) -> bool:
        return 0 <= bit < self.bits and bool(self._block(bit // _BLOCK_BITS) >> bit % _BLOCK_BITS & 1)

    def _skip_zeros(self, byte: int, end: int) -> int:
        # Whole chunks only; those that hold anything are looked at block by block.
        while (byte := self._data_from(byte, end)) < end:
            if self._file.read_some(self._offset + byte, _CHUNK) != _ZEROS:
                break
            byte += _CHUNK
        return byte

    def _data_from(self, byte: int, end: int) -> int:
        # A sparse file is not read where it has holes.
        begin, limit = self._offset + byte, self._offset + end
        return next((start for start, _ in self._file.data_ranges(begin, limit)), limit) - self._offset

    def _count_on(self) -> None:
        start = (len(self._ranks) - 1) * _BLOCK
        total = self._ranks[-1]
        holes = self._data_from(start, (self.bits + 7) // 8) // _BLOCK - start // _BLOCK
        chunk = b"" if holes else self._file.read_some(self._offset + start, _CHUNK)
        if not chunk:
            self._ranks.extend(array("Q", [total]) * max(holes, _CHUNK // _BLOCK))
            return
        for at in range(0, len(chunk), _BLOCK):
            total += int.from_bytes(chunk[at : at + _BLOCK], "little").bit_count()
            self._ranks.append(total)

    def _block(self, number: int) -> int:
        if number != self._kept:
            data = self._file.read_some(self._offset + number * _BLOCK, _BLOCK)
            block, left = int.from_bytes(data, "little"), self.bits - number * _BLOCK_BITS
            self._kept_block = block if left >= _BLOCK_BITS else block & ((1 << max(left, 0)) - 1)
            self._kept = number
        return self._kept_block


class BitmapSpace(PhysicalSpace):
    """The pages that a bitmap names, one behind the other in a file."""

    def __init__(self, file: AddressSpace, bitmap: PageBitmap, first_page: int, size: int) -> None:
        """Take the bitmap of page frame numbers, the file offset of the first page and the size of the file."""
        self._file, self.bitmap, self._first = file, bitmap, first_page
        self._stored = max(size - first_page, 0)

    def read_some(self, address: int, size: int) -> bytes:
        page, within = divmod(address, PAGE)
        if size <= 0 or page not in self.bitmap:
            return b""
        there = self.bitmap.run(page, (within + size + PAGE - 1) // PAGE) * PAGE - within
        offset = self.bitmap.rank(page) * PAGE + within
        return self._file.read_some(self._first + offset, min(size, there, self._stored - offset))

    def ranges(self) -> Iterator[tuple[int, int]]:
        page = self.bitmap.next_set(0, self.bitmap.bits)
        while page is not None:
            end = page + self.bitmap.run(page, self.bitmap.bits)
            stop = min(end * PAGE, page * PAGE + self._stored - self.bitmap.rank(page) * PAGE)
            if stop <= page * PAGE:
                return
            yield page * PAGE, stop
            page = self.bitmap.next_set(end, self.bitmap.bits)

    def next_readable(self, start: int, end: int) -> int | None:
        page = self.bitmap.next_set(start // PAGE, -(-end // PAGE))
        if page is None:
            return None
        found = max(page * PAGE, start)
        return found if found < end and found in self else None

    def offset_of(self, address: int) -> int | None:
        page, within = divmod(address, PAGE)
        offset = self.bitmap.rank(page) * PAGE + within if page in self.bitmap else self._stored
        return self._first + offset if offset < self._stored else None

    def __contains__(self, address: int) -> bool:
        return self.offset_of(address) is not None
