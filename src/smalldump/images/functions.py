"""The function table of an image (`.pdata`), looked up by RVA without decoding more than is asked for."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple

from smalldump.images.reading import ImageBytes
from smalldump.layout.arm64_xdata import FullRecord, parse_full_record, record_size
from smalldump.layout.dump import MachineType
from smalldump.layout.pe import RuntimeFunctionArm64, RuntimeFunctionX64
from smalldump.layout.unwind_info import UnwindInfo, UnwindInfoHeader, parse_unwind_info, unwind_info_size

__all__ = ["FunctionTable", "RuntimeFunction"]

_RECORDS: dict[int, type[RuntimeFunctionX64] | type[RuntimeFunctionArm64]] = {
    MachineType.X64: RuntimeFunctionX64,
    MachineType.ARM64: RuntimeFunctionArm64,
}
_MOST_BYTES = 1 << 26
"""Most bytes of a function table; the largest real ones have about 10 MB."""


class RuntimeFunction(NamedTuple):
    """An entry of the function table.

    Attributes:
        begin: RVA of the first instruction.
        end: RVA behind the last one; None on ARM64, where the unwind data tell it.
        unwind: RVA of the unwind data, or what else the low bits make of it.
    """

    begin: int
    end: int | None
    unwind: int


class FunctionTable:
    """The table of one image."""

    def __init__(self, image: ImageBytes, machine: int, directory: tuple[int, int] | None) -> None:
        """Take the image, its machine and where the table lies (RVA, bytes)."""
        self._image = image
        self._record = _RECORDS.get(machine)
        self._rva, size = directory if directory and self._record else (0, 0)
        self._width = (self._record or RuntimeFunctionX64).SIZE
        self._records: dict[int, FullRecord] = {}
        self._infos: dict[int, UnwindInfo] = {}
        self._count = min(size, _MOST_BYTES) // self._width

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> RuntimeFunction:
        """The entry at `index`, counted from 0.

        Raises:
            IndexError: There are not so many.
            MemoryUnavailable: The entry is not there.
        """
        if not 0 <= index < self._count:
            raise IndexError(index)
        if self._table is not None:
            return self._decoded(self._table[index * self._width : (index + 1) * self._width])
        return self.read(self._rva + index * self._width)

    def find(self, rva: int) -> RuntimeFunction | None:
        """The entry with the greatest begin at or before `rva` whose end, where the entry tells it, is behind it.

        Raises:
            MemoryUnavailable: The part of the table that would tell is not there.
        """
        if self._begins is not None:
            index = bisect_right(self._begins, rva) - 1
        else:
            index = bisect_right(range(self._count), rva, key=self._begin) - 1
        if index < 0:
            return None
        found = self[index]
        return found if found.end is None or rva < found.end else None

    def read(self, rva: int) -> RuntimeFunction:
        """The entry that lies at `rva`, within the table or elsewhere.

        Raises:
            MemoryUnavailable: It is not there.
        """
        return self._decoded(self._image.read(rva, self._width))

    def unwind_info(self, rva: int) -> UnwindInfo:
        """The x64 unwind information at `rva`, remembered.

        Raises:
            MemoryUnavailable: It is not there.
            FormatError: It is malformed.
        """
        found = self._infos.get(rva)
        if found is None:
            size = unwind_info_size(self._image.read(rva, UnwindInfoHeader.SIZE))
            found = self._infos[rva] = parse_unwind_info(self._image.read_some(rva, size))
        return found

    def full_record(self, rva: int) -> FullRecord:
        """The ARM64 unwind data at `rva`, remembered.

        Raises:
            MemoryUnavailable: They are not there.
            FormatError: They are malformed.
        """
        found = self._records.get(rva)
        if found is None:
            size = record_size(self._image.read(rva, 4) + self._image.read_some(rva + 4, 4))
            found = self._records[rva] = parse_full_record(self._image.read_some(rva, size))
        return found

    # The whole table, where all of it is there.
    @cached_property
    def _table(self) -> memoryview | None:
        return self._image.view(self._rva, self._count * self._width)

    # The begins alone, as machine words: nothing is copied where the machine has the table's byte order.
    @cached_property
    def _begins(self) -> memoryview | array[int] | None:
        if self._table is None:
            return None
        if sys.byteorder == "little":
            return self._table.cast("I")[:: self._width // 4]
        words = array("I", bytes(self._table))
        words.byteswap()
        return words[:: self._width // 4]

    def _begin(self, index: int) -> int:
        return int.from_bytes(self._image.read(self._rva + index * self._width, 4), "little")

    def _decoded(self, data: bytes | memoryview) -> RuntimeFunction:
        if self._record is RuntimeFunctionArm64:
            arm64 = RuntimeFunctionArm64(data)
            return RuntimeFunction(arm64.begin_address, None, arm64.unwind_data)
        x64 = RuntimeFunctionX64(data)
        return RuntimeFunction(x64.begin_address, x64.end_address, x64.unwind_info_address)
