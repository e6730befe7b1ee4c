"""Unpacking: an archive, and the archives in it, into origins; what breaks becomes an origin with an error."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import BinaryIO

from smalldump.errors import SourceUnreadable
from smalldump.intake.containers import Container, container_of
from smalldump.intake.entries import START_BYTES, Entry, Metered, Packed, read_whole
from smalldump.intake.files import open_regular
from smalldump.intake.limits import Budget, Limits, OverLimit, Refused
from smalldump.intake.names import is_archive_name, is_dump_name, is_dump_start
from smalldump.intake.origins import Member, Origin, shown_name, why

__all__ = ["unpack_bytes", "unpack_file"]

_Chain = tuple[Member, ...]


def _any_member(_: _Chain) -> bool:
    return True


def unpack_file(path: Path, limits: Limits, wanted: Callable[[_Chain], bool] = _any_member) -> Iterator[Origin]:
    """Yield the dumps in the archive of this path, in its order, each with its bytes.

    Dumps are members named so, or that begin like one. What cannot be read is an origin with an error, and
    the rest follows as far as the archive allows. Nothing is written to disk.

    Args:
        path: The archive; a file that is none yields nothing.
        limits: How far it may unfold.
        wanted: Says of a way down through archives whether to follow it.
    """
    try:
        descriptor, size = open_regular(path)
    except SourceUnreadable as error:
        yield Origin(path, error=error)
        return
    with os.fdopen(descriptor, "rb") as file:
        yield from _Unpacking(path, limits, size, wanted).from_file(file)


def unpack_bytes(data: bytes, limits: Limits, path: Path | None = None) -> Iterator[Origin]:
    """Yield the dumps in an archive that came as bytes, by a pipe if there is a path; else as `unpack_file`."""
    return _Unpacking(path, limits, len(data), _any_member).from_file(io.BytesIO(data))


class _Unpacking:
    """One archive on its way: the budget is common to it and the archives in it."""

    def __init__(self, path: Path | None, limits: Limits, packed_size: int, wanted: Callable[[_Chain], bool]) -> None:
        self._path, self._limits, self._wanted = path, limits, wanted
        self._budget = Budget(limits, packed_size)

    def from_file(self, file: BinaryIO) -> Iterator[Origin]:
        try:
            container = container_of(file.read(START_BYTES))
            file.seek(0)
        except OSError as error:
            yield self._failed((), error)
            return
        if container is None:
            return
        if self._path is not None:
            packed = Packed(self._path.name, file, file, self._limits.member_bytes, self._path)
        else:
            packed = Packed("", None, file, self._limits.member_bytes)
        yield from self._archive(container, packed, (), 1)

    def _archive(self, container: Container, packed: Packed, chain: _Chain, depth: int) -> Iterator[Origin]:
        """The dumps of one archive. `chain` leads to the archive; `depth` counts archives, it included."""
        try:
            if depth > self._limits.depth:
                raise OverLimit(f"more than {self._limits.depth} archives inside each other (limit)")
            for entry in container.entries(packed):
                self._budget.count_member()
                member = (*chain, Member(entry.position, entry.name))
                inside = chain if container.compressed_file else member
                if self._wanted(inside):
                    ends = yield from self._entry(entry, member, inside, depth)
                    if self._budget.spent or (ends and not container.random_access):
                        return
        # Broken archives make the libraries raise whatever they like: zlib.error, struct.error, LZMAError,
        # BadZipFile, TarError, ArchiveError and built-in errors, with no base in common.
        except Exception as error:  # noqa: BLE001
            yield self._failed(chain, error)

    def _entry(self, entry: Entry, member: _Chain, inside: _Chain, depth: int) -> Generator[Origin, None, bool]:
        """The dump that an entry is, or the dumps in the archive that it is, or nothing.

        Returns whether its bytes gave out, so that in an archive read in sequence nothing can follow. What
        is too large or encrypted can be passed over.
        """
        start = b""
        try:
            stream = Metered(entry.open(), self._budget)
            start = stream.start()
            container = container_of(start)
            if container is not None:
                name = entry.name.rpartition("/")[2]
                packed = Packed(name, None, stream, self._limits.member_bytes)
                yield from self._archive(container, packed, inside, depth + 1)
            elif is_dump_name(entry.name) or is_dump_start(start):
                yield Origin(self._path, member, read_whole(stream, self._limits.member_bytes, entry.size))
        except Exception as error:  # noqa: BLE001  as above
            ends = self._budget.spent or not isinstance(error, Refused)
            if ends or is_dump_start(start) or is_dump_name(entry.name) or is_archive_name(entry.name):
                yield self._failed(member, error)
            return ends
        return False

    def _failed(self, members: _Chain, error: Exception) -> Origin:
        return Origin(self._path, members, error=SourceUnreadable(shown_name(self._path, members), why(error)))
