"""Compressed files (gz, bz2, xz, zst): archives of one member without a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, cast

from smalldump.intake.entries import Entry, Packed, Readable
from smalldump.intake.limits import Refused

__all__ = ["bz2_entries", "gz_entries", "xz_entries", "zst_entries"]

_ENDINGS = (".gz", ".bz2", ".xz", ".zst")
_TAR_ENDINGS = (".tgz", ".tbz2", ".txz", ".tzst")


def gz_entries(packed: Packed) -> Iterator[Entry]:
    """Yield the one member of a gzip file."""
    import gzip

    # GzipFile's type asks for more of a file than reading uses.
    return _only_entry(packed, lambda: gzip.GzipFile(fileobj=packed.stream, mode="rb"))  # type: ignore[call-overload]


def bz2_entries(packed: Packed) -> Iterator[Entry]:
    """Yield the one member of a bzip2 file."""
    import bz2

    return _only_entry(packed, lambda: bz2.BZ2File(packed.stream))  # type: ignore[call-overload]


def xz_entries(packed: Packed) -> Iterator[Entry]:
    """Yield the one member of an xz file."""
    import lzma

    return _only_entry(packed, lambda: lzma.LZMAFile(packed.stream))  # type: ignore[arg-type]


def zst_entries(packed: Packed) -> Iterator[Entry]:
    """Yield the one member of a Zstandard file, by the package zstandard or by Python 3.14 and later."""
    return _only_entry(packed, lambda: _zst_reader(packed))


def _zst_reader(packed: Packed) -> Readable:
    try:
        from compression import zstd  # Python 3.14 and later
    except ModuleNotFoundError:
        return _zstandard_reader(packed)
    reader: Readable = zstd.ZstdFile(packed.stream)
    return reader


def _zstandard_reader(packed: Packed) -> Readable:
    try:
        import zstandard
    except ModuleNotFoundError as error:
        needed = "a zst file: reading it needs Python 3.14, or the package zstandard: pip install zstandard"
        raise Refused(needed) from error
    stream = cast("IO[bytes]", packed.stream)  # of which it only reads
    reader: Readable = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
    return reader


def _only_entry(packed: Packed, unpack: Callable[[], Readable]) -> Iterator[Entry]:
    yield Entry(0, _name_inside(packed.name), unpack)


def _name_inside(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    ending = (dot + ending).lower()
    if ending in _TAR_ENDINGS:
        return f"{stem}.tar"
    return stem if stem and ending in _ENDINGS else name or "unpacked"
