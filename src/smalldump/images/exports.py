"""What an image exports by name."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from smalldump.images.reading import ImageBytes
from smalldump.layout.pe import ExportDirectory

__all__ = ["Export", "ExportTable"]

_MOST = 0x10000
"""Most functions and names: ordinals have 16 bits."""
_SHORT, _LONGEST = 128, 4096
"""Bytes of a name: what most have, and the most that is read."""
_MOST_BYTES = 1 << 24
"""Most bytes of a directory that are read in one piece; those of kernels have about 0.1 MB."""


class Export(NamedTuple):
    """An exported place or forwarder.

    Attributes:
        rva: Where it is; 0 for a forwarder.
        name: What it is exported as, decorated if it is C++.
        ordinal: Its number.
        forwarder: Of a forwarder, `module.name` of the export it stands for.
    """

    rva: int
    name: str
    ordinal: int
    forwarder: str | None = None


class ExportTable:
    """The exports of one image, read when they are first asked for."""

    def __init__(self, image: ImageBytes, directory: tuple[int, int] | None) -> None:
        """Take the image and where its export directory lies (RVA, bytes)."""
        self._image, self._span = image, directory or (0, 0)

    @cached_property
    def all(self) -> tuple[Export, ...]:
        """All named exports in order of RVA, forwarders (which have none) first."""
        data = self._image.read_some(self._span[0], ExportDirectory.SIZE) if self._span[1] else b""
        if len(data) < ExportDirectory.SIZE:
            return ()
        return tuple(sorted(self._named(ExportDirectory(data)), key=lambda export: (export.rva, export.name)))

    @cached_property
    def _places(self) -> tuple[list[int], list[Export]]:
        exports = [export for export in self.all if export.forwarder is None]
        return [export.rva for export in exports], exports

    def before(self, rva: int) -> Export | None:
        """The last export at or before `rva`."""
        starts, exports = self._places
        index = bisect_right(starts, rva) - 1
        return exports[index] if index >= 0 else None

    def _named(self, directory: ExportDirectory) -> Iterator[Export]:
        functions = self._array(directory.address_of_functions, directory.number_of_functions, "I")
        names = self._array(directory.address_of_names, directory.number_of_names, "I")
        indexes = self._array(directory.address_of_name_ordinals, directory.number_of_names, "H")
        for name_rva, index in zip(names, indexes, strict=False):
            name = self._text(name_rva)
            if name and index < len(functions) and functions[index]:
                yield self._export(functions[index], name, index + directory.base)

    def _export(self, rva: int, name: str, ordinal: int) -> Export:
        start, size = self._span
        if start <= rva < start + size:
            return Export(0, name, ordinal, self._text(rva))
        return Export(rva, name, ordinal)

    # As many elements as are there.
    def _array(self, rva: int, count: int, code: str) -> tuple[int, ...]:
        width = struct.calcsize(code)
        data = self._image.read_some(rva, min(count, _MOST) * width)
        return struct.unpack_from(f"<{len(data) // width}{code}", data)

    # Names nearly always lie within the directory, behind its tables.
    @cached_property
    def _directory(self) -> bytes:
        return self._image.read_some(self._span[0], min(self._span[1], _MOST_BYTES))

    def _text(self, rva: int) -> str:
        at = rva - self._span[0]
        end = self._directory.find(b"\0", at, at + _LONGEST) if 0 <= at < len(self._directory) else -1
        if end >= 0:
            return self._directory[at:end].decode("utf-8", "replace")
        data = self._image.read_some(rva, _SHORT)
        if b"\0" not in data:
            data = self._image.read_some(rva, _LONGEST)
        return data.partition(b"\0")[0].decode("utf-8", "replace")
