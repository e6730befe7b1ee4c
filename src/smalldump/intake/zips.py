"""Zip archives, by the standard library."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from smalldump.intake.entries import Entry, Packed, Readable
from smalldump.intake.limits import OverLimit, Refused, in_words

if TYPE_CHECKING:
    import zipfile

__all__ = ["zip_entries"]

# ZipFile turns the whole directory at the end of a zip into objects, some ten times its size.
_LARGEST_DIRECTORY = 16 << 20
_ENCRYPTED = 1


def zip_entries(packed: Packed) -> Iterator[Entry]:
    """Yield a zip's files in the order of its directory; any of them can be opened at any time."""
    import zipfile

    try:
        archive = zipfile.ZipFile(_BoundedReads(packed.seekable()))
    except zipfile.BadZipFile as error:
        raise Refused(f"cut short or damaged: no valid directory at the end of the zip ({error})") from error
    with archive:
        for position, info in enumerate(archive.infolist()):
            if not info.filename.endswith("/"):
                yield Entry(position, info.filename, partial(_open, archive, info), info.file_size)


def _open(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Readable:
    if info.flag_bits & _ENCRYPTED:
        raise Refused("encrypted: unpack it with its password and name the dump itself")
    try:
        return archive.open(info)
    except NotImplementedError as error:
        raise Refused(f"{error}: unpack it and name the dump itself ({_method(info)})") from error


def _method(info: zipfile.ZipInfo) -> str:
    return f"zip method {info.compress_type}, zip version {info.extract_version / 10}"


class _BoundedReads:
    """A file that refuses the one large read ZipFile makes: the directory, as long as it says it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1, /) -> bytes:
        if size > _LARGEST_DIRECTORY:
            raise OverLimit(f"the zip's directory claims more than {in_words(_LARGEST_DIRECTORY)} (limit)")
        return self._file.read(size)

    def close(self) -> None:
        """Leave the file open: whoever opened it closes it."""
