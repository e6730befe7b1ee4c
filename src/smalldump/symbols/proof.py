"""Proof that a file is the image or the PDB that was wanted, out of the file itself."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from smalldump.errors import FormatError, MemoryUnavailable
from smalldump.images.pe import PeImage
from smalldump.symbols.wanted import Wanted, WantedImage, WantedPdb

__all__ = ["HEAD", "codeview_of", "objection"]

HEAD = 0x1000
"""Bytes of an image that its headers are looked for in."""

_MSF = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
_INFORMATION, _DBI = 1, 3
_MOST_STREAMS, _BLOCK_SIZES = 1 << 16, frozenset(1 << bit for bit in range(9, 17))
_LARGEST_DIRECTORY = 1 << 26


def objection(path: Path, wanted: Wanted) -> str | None:
    """Why a file is not the one that was wanted, in words; None where it is.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if isinstance(wanted, WantedImage):
            return _image_objection(file, size, wanted)
        try:
            return _pdb_objection(file, size, wanted)
        except (struct.error, IndexError, OverflowError):
            return "the PDB's head is malformed"


def codeview_of(path: Path) -> WantedPdb | None:
    """The PDB that an image names, if it names one.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        try:
            found = PeImage.from_file(memoryview(file.read())).codeview
        except (FormatError, MemoryUnavailable):
            return None
    return None if found is None else WantedPdb(found.name, found.guid, found.age)


def _image_objection(file: BinaryIO, size: int, wanted: WantedImage) -> str | None:
    try:
        image = PeImage.from_file(memoryview(file.read(HEAD)))
    except (FormatError, MemoryUnavailable) as error:
        return f"not an image: {error}"
    if (image.timestamp, image.size_of_image) != (wanted.timestamp, wanted.size):
        return f"another build: timestamp {image.timestamp:08X}, size {image.size_of_image:x}"
    end = max((section.file_offset + section.file_size for section in image.sections), default=0)
    return f"the image is cut: {size:,} bytes of {end:,}" if size < end else None


class _Head(NamedTuple):
    """The beginning of a multi-stream file."""

    block_size: int
    blocks: int
    directory_size: int
    map_block: int


def _pdb_objection(file: BinaryIO, size: int, wanted: WantedPdb) -> str | None:
    if file.read(len(_MSF)) != _MSF:
        return "not a PDB of MSF 7.00"
    block_size, _, blocks, directory, _, map_block = struct.unpack("<6I", file.read(24))
    head = _Head(block_size, blocks, directory, map_block)
    if block_size not in _BLOCK_SIZES or directory > min(_LARGEST_DIRECTORY, size):
        return "the PDB's head is malformed"
    if size < block_size * blocks:
        return f"the PDB is cut: {size:,} bytes of {block_size * blocks:,}"
    information, dbi = (_stream_start(file, head, number) for number in (_INFORMATION, _DBI))
    _, _, age, guid = struct.unpack_from("<III16s", information)
    ages = {age} | ({struct.unpack_from("<I", dbi, 8)[0]} if len(dbi) >= 12 else set())
    found = _guid(guid)
    if found != wanted.guid.replace("-", "").lower() or wanted.age not in ages:
        return f"another build: {found.upper()}, age {' or '.join(f'{each:x}' for each in sorted(ages))}"
    return None


def _stream_start(file: BinaryIO, head: _Head, number: int) -> bytes:
    """The first bytes of a stream, at most one block; nothing where there is no such stream."""
    count = -(-head.directory_size // head.block_size)
    file.seek(head.map_block * head.block_size)
    places = struct.unpack(f"<{count}I", file.read(4 * count))
    directory = b"".join(_block(file, head, place) for place in places)[: head.directory_size]
    streams = struct.unpack_from("<I", directory)[0]
    if not number < streams <= _MOST_STREAMS:
        return b""
    sizes = [0 if size == 0xFFFFFFFF else size for size in struct.unpack_from(f"<{number + 1}I", directory, 4)]
    before = sum(-(-size // head.block_size) for size in sizes[:number])
    if not sizes[number]:
        return b""
    (first,) = struct.unpack_from("<I", directory, 4 + 4 * (streams + before))
    return _block(file, head, first)[: sizes[number]]


def _block(file: BinaryIO, head: _Head, number: int) -> bytes:
    file.seek(number * head.block_size)
    return file.read(head.block_size)


def _guid(raw: bytes) -> str:
    a, b, c = struct.unpack_from("<IHH", raw)
    return f"{a:08x}{b:04x}{c:04x}{raw[8:].hex()}"
