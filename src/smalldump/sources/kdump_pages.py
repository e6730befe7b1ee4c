"""How the pages of a kdump-compressed file are compressed, and unpacking one of them.

zlib is in the standard library, lzo is unpacked here; snappy and zstd need the package cramjam.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from types import MappingProxyType

from smalldump.errors import FormatError, UnsupportedFormat
from smalldump.memory import PAGE
from smalldump.sources.lzo import unpacked_lzo

__all__ = ["require_unpackers", "unpacked_page"]

_ZLIB, _LZO, _SNAPPY, _ZSTD = 1, 2, 4, 0x20
_BY_LIBRARY = MappingProxyType({_SNAPPY: "snappy", _ZSTD: "zstd"})


def require_unpackers(status: int) -> None:
    """See whether pages can be unpacked that are compressed as a file's header says.

    Raises:
        UnsupportedFormat: A package is missing; its name is told.
    """
    for flag, name in _BY_LIBRARY.items():
        if status & flag:
            try:
                import_module("cramjam")
            except ImportError as error:
                raise UnsupportedFormat(
                    f"a kdump of pages compressed by {name}: reading it needs the package cramjam "
                    "(pip install smalldump[archives]), or dump as kdump-zlib or ELF"
                ) from error


def unpacked_page(packed: bytes, flags: int) -> bytes:
    """A page of memory, or no bytes where it cannot be unpacked: the other pages can be.

    Args:
        packed: Its bytes in the file.
        flags: How they are compressed, one of the flags of `PageDescriptor`; 0 for not at all.
    """
    if not flags:
        return packed[:PAGE]
    unpack = _UNPACKERS.get(flags)
    return b"" if unpack is None else unpack(packed)


def _zlib(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, PAGE)
    except zlib.error:
        return b""


def _lzo(packed: bytes) -> bytes:
    try:
        return unpacked_lzo(packed, PAGE)
    except FormatError:
        return b""


def _snappy(packed: bytes) -> bytes:
    cramjam = import_module("cramjam")
    return _into_a_page(cramjam.snappy.decompress_raw_into, packed)


def _zstd(packed: bytes) -> bytes:
    cramjam = import_module("cramjam")
    return _into_a_page(cramjam.zstd.decompress_into, packed)


def _into_a_page(unpack: Callable[[bytes, bytearray], int], packed: bytes) -> bytes:
    page = bytearray(PAGE)
    try:
        return bytes(page[: unpack(packed, page)])
    except import_module("cramjam").DecompressionError:
        return b""


_UNPACKERS: MappingProxyType[int, Callable[[bytes], bytes]] = MappingProxyType(
    {_ZLIB: _zlib, _LZO: _lzo, _SNAPPY: _snappy, _ZSTD: _zstd}
)
