"""Containers: the kinds of archive, told by their first bytes, never by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from smalldump.intake.entries import Entry, Packed
from smalldump.intake.foreign import cab_entries, rar5_entries, rar_entries, sevenzip_entries
from smalldump.intake.streams import bz2_entries, gz_entries, xz_entries, zst_entries
from smalldump.intake.tars import tar_entries
from smalldump.intake.zips import zip_entries

__all__ = ["CONTAINERS", "Container", "container_of"]


class Container(NamedTuple):
    """A kind of archive.

    Attributes:
        name: What it is called.
        signature: Its mark.
        at: Where the mark stands.
        entries: Reads its members.
        random_access: Members can be read in any order, and the rest after a broken one.
        compressed_file: Holds one stream without a name of its own, such as the tar of a ``.tar.gz``.
    """

    name: str
    signature: bytes
    entries: Callable[[Packed], Iterator[Entry]]
    at: int = 0
    random_access: bool = False
    compressed_file: bool = False


CONTAINERS = (
    Container("zip", b"PK\x03\x04", zip_entries, random_access=True),
    Container("zip", b"PK\x05\x06", zip_entries, random_access=True),
    Container("zip", b"PK\x07\x08PK", zip_entries, random_access=True),
    Container("gzip", b"\x1f\x8b\x08", gz_entries, compressed_file=True),
    Container("bzip2", b"1AY&SY", bz2_entries, at=4, compressed_file=True),
    Container("xz", b"\xfd7zXZ\0", xz_entries, compressed_file=True),
    Container("zstd", b"\x28\xb5\x2f\xfd", zst_entries, compressed_file=True),
    Container("tar", b"ustar", tar_entries, at=257),
    Container("7z", b"7z\xbc\xaf\x27\x1c", sevenzip_entries),
    Container("rar", b"Rar!\x1a\x07\x00", rar_entries),
    Container("rar", b"Rar!\x1a\x07\x01\x00", rar5_entries),
    Container("cab", b"MSCF\0\0\0\0", cab_entries),
)


def container_of(start: bytes) -> Container | None:
    """Tell the kind of archive from its first START_BYTES, or None for what is no archive that is known."""
    for container in CONTAINERS:
        if start.startswith(container.signature, container.at):
            return container
    return None
