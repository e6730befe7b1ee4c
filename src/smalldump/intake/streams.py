"""Compressed files (gz, bz2, xz), by the standard library: archives of one member without a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from smalldump.intake.entries import Entry, Packed, Readable

__all__ = ["bz2_entries", "gz_entries", "xz_entries"]

_ENDINGS = (".gz", ".bz2", ".xz")
_TAR_ENDINGS = (".tgz", ".tbz2", ".txz")


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


def _only_entry(packed: Packed, unpack: Callable[[], Readable]) -> Iterator[Entry]:
    yield Entry(0, _name_inside(packed.name), unpack)


def _name_inside(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    ending = (dot + ending).lower()
    if ending in _TAR_ENDINGS:
        return f"{stem}.tar"
    return stem if stem and ending in _ENDINGS else name or "unpacked"
