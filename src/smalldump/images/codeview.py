"""The identity of an image's PDB, out of its debug directory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from smalldump.images.reading import ImageBytes
from smalldump.layout.pe import CODEVIEW, NB10, RSDS, CodeViewNb10, CodeViewRsds, DebugDirectory

__all__ = ["CodeView", "read_codeview"]

_ENTRIES = 64
"""Most entries of a debug directory that are looked at; real ones have up to a dozen."""
_LONGEST_PATH = 4096


class CodeView(NamedTuple):
    """What an image says of its PDB.

    Attributes:
        name: The path as the linker wrote it, from whoever made the image: not to be used as a path.
        guid: 36 lower-case characters; of a PDB 2.0 (`NB10`) its signature, eight hexadecimal digits.
        age: How often the PDB was changed.
    """

    name: str
    guid: str
    age: int


def read_codeview(image: ImageBytes, directory: tuple[int, int] | None) -> CodeView | None:
    """The first readable CodeView record of the debug directory (RVA, bytes), or None."""
    if directory is None:
        return None
    rva, size = directory
    table = image.read_some(rva, min(size, _ENTRIES * DebugDirectory.SIZE))
    found = (_parsed(data) for data in _records(image, table))
    return next((codeview for codeview in found if codeview is not None), None)


def _records(image: ImageBytes, table: bytes) -> Iterator[bytes]:
    for at in range(0, len(table) - DebugDirectory.SIZE + 1, DebugDirectory.SIZE):
        entry = DebugDirectory(table, at)
        size = min(entry.size_of_data, CodeViewRsds.SIZE + _LONGEST_PATH)
        if entry.type == CODEVIEW:
            loaded = image.read_some(entry.address_of_raw_data, size) if entry.address_of_raw_data else b""
            yield loaded or image.read_raw(entry.pointer_to_raw_data, size)


def _parsed(data: bytes) -> CodeView | None:
    if data.startswith(RSDS) and len(data) >= CodeViewRsds.SIZE:
        rsds = CodeViewRsds(data)
        return CodeView(_path(data[CodeViewRsds.SIZE :]), rsds.guid, rsds.age)
    if data.startswith(NB10) and len(data) >= CodeViewNb10.SIZE:
        nb10 = CodeViewNb10(data)
        return CodeView(_path(data[CodeViewNb10.SIZE :]), f"{nb10.time_date_stamp:08x}", nb10.age)
    return None


# UTF-8 since the linkers of PDB 7.0, whatever code page the builder had before.
def _path(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace")
