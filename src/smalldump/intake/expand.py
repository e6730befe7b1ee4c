"""Expanding: what a user names becomes origins, and an origin becomes open bytes."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from smalldump.errors import SourceUnreadable
from smalldump.intake.bytesource import ByteSource, open_file
from smalldump.intake.containers import container_of
from smalldump.intake.files import first_bytes
from smalldump.intake.folders import files_under
from smalldump.intake.limits import DEFAULT_LIMITS, Limits
from smalldump.intake.names import is_archive_name, is_dump_name, is_dump_start, printable
from smalldump.intake.origins import Member, Origin, shown_name, why
from smalldump.intake.piped import piped_origins
from smalldump.intake.spool import Watch, is_packed_memory, open_spooled, unwatched
from smalldump.intake.unpack import unpack_file
from smalldump.memory import FileMapping

__all__ = ["expand", "open_origin", "open_single"]

_STDIN = "-"


def expand(
    paths: Iterable[str | os.PathLike[str]], *, limits: Limits = DEFAULT_LIMITS, watch: Watch = unwatched
) -> Iterator[Origin]:
    """Turn what a user names into origins, one per dump, in the order named; nothing is read before its turn.

    * A file is taken as it is, whatever it is called; an archive (zip, tar, gz, bz2, xz, zst; with libarchive 7z,
      rar, cab), known by its first bytes, is replaced by the dumps in it.
    * A compressed image of physical memory (gz, bz2, xz, zst) is one origin, however large it is unpacked: opening
      unpacks it into a temporary file, and says what that has cost (`ByteSource.remark`).
    * A folder stands for the dumps in it and in the folders below, by name, archives included.
    * ``archive.zip!member.dmp``, as members are shown, stands for that member where no file is called so.
    * ``-`` stands for standard input. It and a pipe that is named are read to their end: an image of physical memory
      into a temporary file, anything else up to the limit of one member.

    Never raises for what it finds: what cannot be read is an origin with an error in its place, and the rest
    follows. That goes for folders and archives without dumps, too, if they were named.
    """
    for path in paths:
        yield from _named(os.fspath(path), limits, watch)


def open_origin(origin: Origin, *, limits: Limits = DEFAULT_LIMITS, watch: Watch = unwatched) -> ByteSource:
    """Open one origin, in this process or in another one than found it.

    Raises:
        SourceUnreadable: The origin has an error, or its bytes are gone or refused by now.
    """
    if origin.error is not None:
        raise SourceUnreadable(origin.error.path, origin.error.why)
    if isinstance(origin.data, FileMapping):
        return ByteSource(
            origin.name,
            origin.path,
            memoryview(origin.data),
            origin.data,
            file_name=origin.file_name,
            remark=origin.remark,
        )
    if origin.data is not None:
        return ByteSource(origin.name, origin.path, origin.data, file_name=origin.file_name)
    if origin.path is None:
        raise SourceUnreadable(origin.name, "standard input cannot be read again")
    if origin.spooled:
        return open_spooled(origin.path, watch)
    if not origin.members:
        return open_file(origin.path)
    for found in unpack_file(origin.path, limits, partial(_leads_to, origin.members)):
        if found.members == origin.members or found.error is not None:
            return open_origin(found)
    raise SourceUnreadable(origin.name, "no longer in the archive")


def open_single(
    path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS, watch: Watch = unwatched
) -> ByteSource:
    """Open the one dump that a path stands for: a file, or an archive or folder with a single dump.

    Args:
        limits: How far an archive may unfold.
        watch: Told how many bytes have come, while a compressed or piped image is put into a temporary file.

    Raises:
        SourceUnreadable: It cannot be read, or there is more than one; the text tells how to name one.
    """
    found = list(islice(expand([path], limits=limits, watch=watch), 2))
    if len(found) > 1:
        raise SourceUnreadable(
            shown_name(Path(path)), f"holds more than one dump; name one, for example {found[0].name}"
        )
    return open_origin(found[0], limits=limits, watch=watch)


def _named(text: str, limits: Limits, watch: Watch) -> Iterator[Origin]:
    if text == _STDIN:
        yield from _standard_input(limits, watch)
        return
    path = Path(text)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        archive = _archive_before_mark(text)
        if archive is not None:
            yield from _member(archive, text, limits)
        else:
            yield Origin(path, error=SourceUnreadable(shown_name(path), why(error)))
        return
    if stat.S_ISFIFO(mode):
        yield from _pipe(path, limits, watch)
    elif stat.S_ISDIR(mode):
        yield from _or_none_found(path, _folder(path, limits), "folder")
    else:
        yield from _or_none_found(path, _file(path, limits), "archive")


def _or_none_found(path: Path | None, origins: Iterator[Origin], kind: str) -> Iterator[Origin]:
    empty = True
    for origin in origins:
        empty = False
        yield origin
    if empty:
        yield Origin(path, error=SourceUnreadable(shown_name(path), f"no dump in this {kind}"))


def _file(path: Path, limits: Limits) -> Iterator[Origin]:
    """A file that was named, or promises a dump or an archive by its name."""
    try:
        start = first_bytes(path)
    except SourceUnreadable as error:
        yield Origin(path, error=error)
        return
    if container_of(start) is None:
        yield Origin(path)
    else:
        yield from _archive(path, limits)


def _archive(path: Path, limits: Limits) -> Iterator[Origin]:
    if is_packed_memory(path):
        yield Origin(path, spooled=True)
    else:
        yield from unpack_file(path, limits)


def _folder(folder: Path, limits: Limits) -> Iterator[Origin]:
    for found in files_under(folder):
        if isinstance(found, SourceUnreadable):
            yield Origin(folder, error=found)
        elif is_dump_name(found.name):
            yield from _file(found, limits)
        else:
            yield from _other_file(found, limits)


def _other_file(path: Path, limits: Limits) -> Iterator[Origin]:
    """A file in a folder that does not promise a dump by its name: one only if it begins so."""
    try:
        start = first_bytes(path)
    except SourceUnreadable as error:
        if is_archive_name(path.name):
            yield Origin(path, error=error)
        return
    if is_dump_start(start):
        yield Origin(path)
    elif container_of(start) is not None:
        yield from _archive(path, limits)


def _standard_input(limits: Limits, watch: Watch) -> Iterator[Origin]:
    if sys.stdin is None:
        why_not = "this program was started without standard input"
        yield Origin(None, error=SourceUnreadable(shown_name(None), why_not))
        return
    yield from _or_none_found(None, piped_origins(None, sys.stdin.buffer, limits, watch), "archive")


def _pipe(path: Path, limits: Limits, watch: Watch) -> Iterator[Origin]:
    """A pipe that was named, which waits for whoever writes into it; pipes in folders are passed over."""
    try:
        stream = path.open("rb")
    except OSError as error:
        yield Origin(path, error=SourceUnreadable(shown_name(path), why(error)))
        return
    with stream:
        yield from _or_none_found(path, piped_origins(path, stream, limits, watch), "archive")


def _leads_to(wanted: tuple[Member, ...], members: tuple[Member, ...]) -> bool:
    """Tell whether these members are on the way to the wanted one, or below it."""
    common = min(len(wanted), len(members))
    return wanted[:common] == members[:common]


def _archive_before_mark(text: str) -> str | None:
    """The file before one of the marks in ``archive.zip!member.dmp``, if there is one."""
    parts = text.split("!")
    candidates = ("!".join(parts[:end]) for end in range(1, len(parts)))
    return next((archive for archive in candidates if os.path.isfile(archive)), None)


def _member(archive: str, text: str, limits: Limits) -> Iterator[Origin]:
    """The members of an archive that are shown as this text."""
    path, inside = Path(archive), text[len(archive) + 1 :].split("!")
    name = "!".join((shown_name(path), *map(printable, inside)))

    def is_on_the_way(members: tuple[Member, ...]) -> bool:
        return f"{name}!".startswith(f"{shown_name(path, members)}!")

    empty = True
    for origin in unpack_file(path, limits, is_on_the_way):
        if origin.error is not None or origin.name == name:
            empty = False
            yield origin
    if empty:
        yield Origin(path, error=SourceUnreadable(name, "no such dump in the archive"))
