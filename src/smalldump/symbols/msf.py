"""The multi-stream file (MSF 7.00): which blocks make up which stream, looked up when it is asked for."""

from __future__ import annotations

import struct
from itertools import accumulate

from smalldump.errors import SymbolError
from smalldump.layout.msf import MSF_MAGIC, MsfHdr
from smalldump.layout.record import Buffer
from smalldump.symbols.streams import Stream

__all__ = ["Msf"]

_BLOCK_SIZES = frozenset(1 << bit for bit in range(9, 17))
_ABSENT = 0xFFFFFFFF


class Msf:
    """A multi-stream file. Opening it reads its head and the sizes of its streams.

    Raises:
        SymbolError: The head or the directory is malformed.
    """

    def __init__(self, data: Buffer) -> None:
        self._file = Stream(memoryview(data), "the PDB file")
        head = self._file.record(MsfHdr, 0)
        if head.sz_magic != MSF_MAGIC:
            raise SymbolError("no PDB of MSF 7.00", offset=0, expected=repr(MSF_MAGIC[:24]), found=repr(head.sz_magic))
        self._block_size = head.cb_pg
        if self._block_size not in _BLOCK_SIZES:
            raise SymbolError("impossible size of a block", offset=MsfHdr.cb_pg.offset, found=f"{self._block_size:#x}")
        self._directory = self._read_directory(head.cb_st)
        count = self._directory.u32(0)
        sizes = self._directory.unpack(struct.Struct(f"<{self._bounded(count)}I"), 4)
        self._sizes = [0 if size == _ABSENT else size for size in sizes]
        self._firsts = list(accumulate(map(self._blocks_of, self._sizes), initial=0))
        if self._firsts[-1] * self._block_size > len(self._file):
            # No block belongs to two streams; so all that is ever copied is no larger than the file.
            found = f"{self._firsts[-1] * self._block_size:#x} bytes"
            raise SymbolError("streams larger than the file", expected=f"{len(self._file):#x}", found=found)

    def _read_directory(self, size: int) -> Stream:
        count = self._blocks_of(size)
        if size > len(self._file):
            raise SymbolError("directory larger than the file", offset=MsfHdr.cb_st.offset, found=f"{size:#x} bytes")
        (where,) = self._file.unpack(struct.Struct("<I"), MsfHdr.SIZE)
        blocks = self._file.unpack(struct.Struct(f"<{count}I"), where * self._block_size)
        return Stream(self._gather(blocks, size, "the directory"), "the directory")

    def _bounded(self, count: int) -> int:
        if 4 * count > len(self._directory):
            raise SymbolError("more streams than the directory holds", offset=0, found=f"{count:,}")
        return count

    def _blocks_of(self, size: int) -> int:
        return -(-size // self._block_size)

    @property
    def stream_count(self) -> int:
        """Streams, also absent ones."""
        return len(self._sizes)

    def size_of(self, number: int) -> int:
        """Bytes of stream `number`; 0 where it is absent."""
        return self._sizes[number] if 0 <= number < len(self._sizes) else 0

    def stream(self, number: int, name: str) -> Stream | None:
        """Stream `number`, or None where it is absent or empty. Its bytes are copied where its blocks are scattered.

        Raises:
            SymbolError: It has a block outside the file.
        """
        size = self.size_of(number)
        if not size:
            return None
        first, end = self._firsts[number], self._firsts[number + 1]
        blocks = self._directory.unpack(struct.Struct(f"<{end - first}I"), 4 * (1 + len(self._sizes) + first))
        return Stream(self._gather(blocks, size, name), name)

    def _gather(self, blocks: tuple[int, ...], size: int, name: str) -> memoryview:
        block, data = self._block_size, self._file.data
        if not blocks:
            return memoryview(b"")
        first, tail = blocks[0], size - (len(blocks) - 1) * block
        if max(blocks[:-1], default=0) * block + block > len(data) or blocks[-1] * block + tail > len(data):
            raise SymbolError(f"{name} has a block outside the file", found=f"block {max(blocks):#x}")
        if blocks == tuple(range(first, first + len(blocks))):
            return data[first * block : first * block + size]
        return memoryview(b"".join([data[each * block : each * block + block] for each in blocks]))[:size]
