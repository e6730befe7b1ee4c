"""Cabinets: how symbol stores keep compressed files (`ntkrnlmp.pd_`); each holds a single file.

Source: Microsoft's "Cabinet File Format" ([MS-CAB]). Stored, MSZIP and LZX data are read.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from smalldump.errors import FormatError, Truncated, UnsupportedFormat
from smalldump.layout.cabinet import CabinetData, CabinetFile, CabinetFolder, CabinetHeader
from smalldump.symbols.lzx import FRAME, LzxDecoder

__all__ = ["SIGNATURE", "unpack_cabinet"]

SIGNATURE = b"MSCF"
"""The first bytes of a cabinet."""

_PREVIOUS, _NEXT, _RESERVED = 1, 2, 4
_LARGEST_BLOCK = FRAME + 6144  # what [MS-CAB] allows a compressed block to take


class _Place(NamedTuple):
    """Where the one file lies: its folder, and the bytes reserved in each data block."""

    folder: CabinetFolder
    reserved: int
    start: int
    size: int


def unpack_cabinet(packed: BinaryIO, target: BinaryIO, limit: int) -> int:
    """Write the first file in a cabinet to `target`; gives its size.

    At most a window (2 MiB) and a frame are in memory at once. The name inside the cabinet is of no concern.

    Args:
        packed: The cabinet; it can be sought in.
        limit: Bytes that the file may have.

    Raises:
        FormatError: It is no cabinet, is damaged, compressed in another way, or the file is larger than `limit`.
        OSError: Reading or writing failed.
    """
    place = _place(packed)
    if place.size > limit:
        raise FormatError(
            "the file in the cabinet is too large", expected=f"at most {limit:,} bytes", found=f"{place.size:,}"
        )
    passed, left = place.start, place.size
    for block in _blocks(packed, place):
        piece = block[passed : passed + left]
        passed -= min(passed, len(block))
        left -= target.write(piece)
        if not left:
            return place.size
    if left:
        raise Truncated("the cabinet's data end before its file does", expected=f"{left:,} more bytes")
    return place.size


def _place(packed: BinaryIO) -> _Place:
    header = CabinetHeader(_exactly(packed, CabinetHeader.SIZE))
    if header.signature.to_bytes(4, "little") != SIGNATURE or header.version >> 8 != 1:
        raise FormatError("no cabinet", expected="MSCF, version 1", found=header.signature.to_bytes(4, "little").hex())
    if header.flags & (_PREVIOUS | _NEXT):
        raise UnsupportedFormat("the cabinet is one of several that belong together")
    if not header.files:
        raise FormatError("the cabinet holds no file")
    of_header, of_folder, of_data = _reserved(packed) if header.flags & _RESERVED else (0, 0, 0)
    _exactly(packed, of_header)
    folders = []
    for _ in range(header.folders):
        folders.append(CabinetFolder(_exactly(packed, CabinetFolder.SIZE)))
        _exactly(packed, of_folder)
    packed.seek(header.files_offset)
    file = CabinetFile(_exactly(packed, CabinetFile.SIZE))
    if file.folder >= len(folders):
        raise FormatError(
            "the cabinet's file is in no folder", expected=f"below {len(folders)}", found=str(file.folder)
        )
    return _Place(folders[file.folder], of_data, file.folder_offset, file.size)


def _reserved(packed: BinaryIO) -> tuple[int, int, int]:
    sizes = _exactly(packed, 4)
    return int.from_bytes(sizes[:2], "little"), sizes[2], sizes[3]


def _blocks(packed: BinaryIO, place: _Place) -> Iterator[bytes]:
    """The unpacked bytes of a folder, block by block."""
    unpack = _unpacker(place.folder.compression)
    packed.seek(place.folder.data_offset)
    for number in range(place.folder.data_blocks):
        sizes = _exactly(packed, CabinetData.SIZE)
        block = CabinetData(sizes)
        reserved = _exactly(packed, place.reserved)
        if block.packed_size > _LARGEST_BLOCK or not 0 < block.unpacked_size <= FRAME:
            raise FormatError(f"data block {number} of the cabinet has an impossible size")
        data = _exactly(packed, block.packed_size)
        # 0: whoever made the cabinet left checksums out.
        if block.checksum and block.checksum != _checksum(data, _checksum(sizes[4:] + reserved)):
            raise FormatError(f"data block {number} of the cabinet does not have its checksum")
        yield unpack(data, block.unpacked_size)


def _unpacker(compression: int) -> Callable[[bytes, int], bytes]:
    kind = compression & 0xF
    if kind == 0:
        return _stored
    if kind == 1:
        return _Mszip().block
    if kind == 3:
        return LzxDecoder(compression >> 8 & 0x1F).frame
    raise UnsupportedFormat("a cabinet compressed in another way than MSZIP and LZX", found=f"{compression:#x}")


def _stored(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise FormatError("a stored block of the cabinet", expected=f"{size} bytes", found=str(len(data)))
    return data


class _Mszip:
    """MSZIP: each block is a deflate stream of its own behind `CK`, which refers back to the block before it."""

    def __init__(self) -> None:
        self._before = b""

    def block(self, data: bytes, size: int) -> bytes:
        """The next block."""
        if not data.startswith(b"CK"):
            raise FormatError("MSZIP data", expected="CK", found=data[:2].hex() or "nothing")
        inflate = zlib.decompressobj(-zlib.MAX_WBITS, zdict=self._before)
        try:
            unpacked = inflate.decompress(data[2:], size)
            more = inflate.decompress(inflate.unconsumed_tail, 1) if not inflate.eof else b""
        except zlib.error as error:
            raise FormatError(f"MSZIP data: {error}") from None
        if len(unpacked) != size or more:
            raise FormatError("MSZIP data of another length", expected=f"{size} bytes", found=f"{len(unpacked)}")
        self._before = unpacked
        return unpacked


def _checksum(data: bytes, seed: int = 0) -> int:
    """All 32-bit words exclusive-ored; of one to three bytes at the end, the first is the highest."""
    whole = len(data) & -4
    words, size = int.from_bytes(data[:whole], "little"), whole
    while size > 4:
        half = (size // 4 + 1) // 2 * 4
        words, size = (words & ((1 << half * 8) - 1)) ^ (words >> half * 8), half
    return words ^ int.from_bytes(data[whole:], "big") ^ seed


def _exactly(packed: BinaryIO, size: int) -> bytes:
    data = packed.read(size)
    if len(data) < size:
        raise Truncated("the cabinet ends early", expected=f"{size} bytes", found=str(len(data)))
    return data
