"""How the blocks of a kdump-compressed file are compressed, and unpacking one of them.

zlib is in the standard library, lzo is unpacked here; snappy and zstd need the package cramjam.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib.util import find_spec
from types import MappingProxyType

from smalldump.errors import FormatError, UnsupportedFormat
from smalldump.sources.lzo import unpacked_lzo

__all__ = ["require_unpackers", "unpacked_block"]

_ZLIB, _LZO, _SNAPPY, _ZSTD = 1, 2, 4, 0x20
_BY_LIBRARY = MappingProxyType({_SNAPPY: "snappy", _ZSTD: "zstd"})


def require_unpackers(status: int) -> None:
    """See whether pages can be unpacked that are compressed as a file's header says.

    Raises:
        UnsupportedFormat: A package is missing; its name is told.
    """
    for flag, name in _BY_LIBRARY.items():
        if status & flag and not _is_installed("cramjam"):
            raise UnsupportedFormat(
                f"a kdump of pages compressed by {name}: reading it needs the package cramjam "
                "(pip install smalldump[archives]), or dump as kdump-zlib or ELF"
            )


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # somebody has ruled it out in sys.modules
        return False


def unpacked_block(packed: bytes, flags: int, size: int) -> bytes:
    """A block of memory, or no bytes where it cannot be unpacked: the other blocks can be.

    Args:
        packed: Its bytes in the file.
        flags: How they are compressed, one of the flags of `PageDescriptor`; 0 for not at all.
        size: Bytes of a block.
    """
    if not flags:
        return packed[:size]
    unpack = _UNPACKERS.get(flags)
    try:
        return b"" if unpack is None else unpack(packed, size)
    except ImportError:  # the header did not say that this block needs a package
        return b""


def _zlib(packed: bytes, size: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, size)
    except zlib.error:
        return b""


def _lzo(packed: bytes, size: int) -> bytes:
    try:
        return unpacked_lzo(packed, size)
    except FormatError:
        return b""


def _snappy(packed: bytes, size: int) -> bytes:
    import cramjam

    return _into_a_block(cramjam.snappy.decompress_raw_into, packed, size)


def _zstd(packed: bytes, size: int) -> bytes:
    import cramjam

    return _into_a_block(cramjam.zstd.decompress_into, packed, size)


def _into_a_block(unpack: Callable[[bytes, bytearray], int], packed: bytes, size: int) -> bytes:
    import cramjam

    block = bytearray(size)
    try:
        return bytes(block[: unpack(packed, block)])
    except cramjam.DecompressionError:
        return b""


_UNPACKERS: MappingProxyType[int, Callable[[bytes, int], bytes]] = MappingProxyType(
    {_ZLIB: _zlib, _LZO: _lzo, _SNAPPY: _snappy, _ZSTD: _zstd}
)
