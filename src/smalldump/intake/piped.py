"""Pipes and standard input: bytes that come once, in order. Images of physical memory go into a temporary file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from smalldump.errors import SourceUnreadable
from smalldump.intake.containers import Container, container_of
from smalldump.intake.entries import START_BYTES, Packed, Readable, read_whole
from smalldump.intake.limits import Limits
from smalldump.intake.names import is_memory_start
from smalldump.intake.origins import Origin, shown_name, why
from smalldump.intake.spool import LARGEST_SPOOLED, START_OF_MEMORY, Watch, spooled, starts_with
from smalldump.intake.unpack import unpack_bytes

__all__ = ["piped_origins"]

_PEEKED = 1 << 20
"""Bytes from which the first of a compressed file can be had, even by bzip2, whose blocks come whole."""


def piped_origins(path: Path | None, stream: BinaryIO, limits: Limits, watch: Watch) -> Iterator[Origin]:
    """Yield the dumps that a stream brings; it is read to its end.

    What begins as an image of physical memory, compressed or not, is put into a temporary file, however large it is;
    anything else is read into memory, up to the limit of one member.

    Args:
        path: The pipe; None for standard input.
    """
    try:
        ahead = starts_with(stream, START_OF_MEMORY)
        container = container_of(ahead[:START_BYTES])
        if container is not None and container.compressed_file:
            ahead += starts_with(stream, _PEEKED - len(ahead))
        name, whole = shown_name(path), _Rejoined(ahead, stream)
        if is_memory_start(ahead):
            mapping, remark = spooled(name, whole, "read", watch)
        elif container is not None and container.compressed_file and _is_packed_memory(container, ahead):
            mapping, remark = spooled(name, _unpacked(container, whole), f"unpacked from {container.name}", watch)
        else:
            data = read_whole(whole, limits.member_bytes)
            yield from [Origin(path, data=data)] if container is None else unpack_bytes(data, limits, path)
            return
    # Damaged streams make the libraries raise whatever they like: zlib.error, LZMAError, EOFError, ZstdError.
    except Exception as error:  # noqa: BLE001
        yield Origin(path, error=SourceUnreadable(shown_name(path), why(error)))
        return
    yield Origin(path, data=mapping, remark=remark)


class _Rejoined:
    """What was looked at ahead, and the rest of the stream behind it."""

    def __init__(self, ahead: bytes, rest: BinaryIO) -> None:
        self._ahead, self._rest = io.BytesIO(ahead), rest

    def read(self, size: int, /) -> bytes:
        return self._ahead.read(size) or self._rest.read(size)


def _is_packed_memory(container: Container, ahead: bytes) -> bool:
    try:
        return is_memory_start(starts_with(_unpacked(container, io.BytesIO(ahead)), START_OF_MEMORY))
    except Exception:  # noqa: BLE001  decoders raise what they like; the usual way says what is wrong
        return False


def _unpacked(container: Container, stream: Readable) -> Readable:
    return next(container.entries(Packed("", None, stream, LARGEST_SPOOLED))).open()
