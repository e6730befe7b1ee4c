"""The text of a symbol file of Volatility: read, unpacked and parsed within bounds."""

from __future__ import annotations

import bz2
import json
import lzma
import os
import zlib
from collections.abc import Callable
from typing import Protocol

from smalldump.errors import SymbolError

__all__ = ["MAX_TEXT", "parse_isf", "read_isf"]

MAX_TEXT = 64 << 20
"""Bytes of unpacked JSON; that of the largest kernels' PDBs has about 15 MB."""
_MAX_VALUES = 4_000_000  # of the JSON, by its commas and brackets: each takes far more memory than text
_XZ_MEMORY = 128 << 20


class _Unpacker(Protocol):
    """What decompressors have in common."""

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def read_isf(path: str | os.PathLike[str]) -> dict[str, object]:
    """The JSON object in that file: plain, or packed as xz, gzip or bzip2, whatever its name says.

    Raises:
        SymbolError: It is too large or malformed.
        OSError: It cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read(MAX_TEXT + 1)
    return parse_isf(data)


def parse_isf(data: bytes) -> dict[str, object]:
    """The JSON object in `data`, unpacked if need be.

    Raises:
        SymbolError: It is too large or malformed.
    """
    text = _unpacked(data)
    if sum(map(text.count, (b",", b"{", b"["))) > _MAX_VALUES:
        raise SymbolError("a symbol file has too many values", expected=f"at most {_MAX_VALUES:,}")
    try:
        found = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SymbolError("a symbol file is no JSON", found=str(error)) from None
    if not isinstance(found, dict):
        raise SymbolError("a symbol file is no JSON object", found=type(found).__name__)
    return found


_UNPACKERS: dict[bytes, Callable[[], _Unpacker]] = {
    b"\xfd7zXZ\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY),
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"BZh": bz2.BZ2Decompressor,
}
"""By how the file begins."""


def _unpacked(data: bytes) -> bytes:
    unpacker = next((make() for magic, make in _UNPACKERS.items() if data.startswith(magic)), None)
    if unpacker is None:
        text, complete = data, True
    else:
        try:
            text = unpacker.decompress(data, MAX_TEXT + 1)
        except (lzma.LZMAError, zlib.error, OSError, EOFError) as error:
            raise SymbolError("a symbol file cannot be unpacked", found=str(error)) from None
        complete = unpacker.eof
    if len(text) > MAX_TEXT:
        raise SymbolError("a symbol file is too large", expected=f"at most {MAX_TEXT:,} bytes")
    if not complete:
        raise SymbolError("a symbol file ends early", found=f"{len(text):,} bytes unpacked")
    return text
