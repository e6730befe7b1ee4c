"""Spooling: a compressed or piped image of physical memory, put into a temporary file, since memory is read anywhere.

That is what it costs: all of it is unpacked or read once, at the speed of its format or medium, before the first byte
can be looked at, and what is not zero takes room in the folder of temporary files. The file has no name there and is
gone with the process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeAlias

from smalldump.errors import SourceUnreadable
from smalldump.intake.bytesource import ByteSource
from smalldump.intake.containers import container_of
from smalldump.intake.entries import START_BYTES, Packed, Readable
from smalldump.intake.files import open_regular
from smalldump.intake.limits import OverLimit, Refused, in_words
from smalldump.intake.names import is_memory_name, is_memory_start
from smalldump.intake.origins import shown_name, why
from smalldump.memory import FileMapping

__all__ = [
    "LARGEST_SPOOLED",
    "START_OF_MEMORY",
    "Watch",
    "is_packed_memory",
    "open_spooled",
    "spooled",
    "starts_with",
    "unwatched",
]

Watch: TypeAlias = Callable[[int], None]
"""Told again and again how many bytes have come, while something is put into a temporary file."""

START_OF_MEMORY = 4096
"""Bytes that tell whether something is an image of physical memory."""
LARGEST_SPOOLED = 1 << 42
"""Bytes of the largest temporary file."""
_PIECE = 1 << 20
_ZEROS = bytes(_PIECE)
_SPARE = 1 << 28


def unwatched(size: int, /) -> None:
    """Tell nobody."""


def is_packed_memory(path: Path) -> bool:
    """Tell whether a file is a compressed image of physical memory: by its name, or 4 KiB that are unpacked."""
    try:
        descriptor, _ = open_regular(path)
    except SourceUnreadable:
        return False
    with os.fdopen(descriptor, "rb") as file:
        try:
            start = starts_with(_stream(path, file)[1], START_OF_MEMORY)
            return is_memory_start(start) or is_memory_name(path.stem)
        # The libraries raise what they like of a damaged stream (see `open_spooled`), and here it only means that the
        # file is not ours: the usual way opens it next and says what is wrong.
        except Exception:  # noqa: BLE001
            return False


def open_spooled(path: Path, watch: Watch = unwatched) -> ByteSource:
    """Open a compressed image of physical memory. The source's `remark` says what the unpacking has cost.

    Raises:
        SourceUnreadable: It is damaged or none, larger than 4 TiB unpacked, or there is no room to unpack it.
    """
    descriptor, _ = open_regular(path)
    with os.fdopen(descriptor, "rb") as file:
        try:
            kind, stream = _stream(path, file)
            mapping, remark = spooled(shown_name(path), stream, f"unpacked from {kind}", watch)
            remark += "; unpack it yourself to pay that once"
            inside = path.with_suffix("")
            return ByteSource(shown_name(path), path, memoryview(mapping), mapping, remark=remark, beside=inside)
        # Damaged streams make the libraries raise whatever they like: zlib.error, LZMAError, EOFError, ZstdError.
        except Exception as error:
            raise SourceUnreadable(shown_name(path), why(error)) from error


def _stream(path: Path, file: BinaryIO) -> tuple[str, Readable]:
    container = container_of(file.read(START_BYTES))
    if container is None or not container.compressed_file:
        raise Refused("no compressed file")
    file.seek(0)
    entry = next(container.entries(Packed(path.name, file, file, LARGEST_SPOOLED, path)))
    return container.name, entry.open()


def spooled(name: str, stream: Readable, how: str, watch: Watch) -> tuple[FileMapping, str]:
    """Put a stream into a temporary file that has no name, and say what that has cost.

    Args:
        name: What to call it in messages.
        how: How the bytes come, in words: `unpacked from gzip`.

    Raises:
        OverLimit: There is no room for it, or it is larger than 4 TiB.
    """
    import tempfile

    began = time.monotonic()
    with tempfile.TemporaryFile() as target:
        size, written = _unpack(stream, target, watch)
        mapping = FileMapping(target.fileno(), size, name)
    took = f"{time.monotonic() - began:.0f} s"
    remark = f"{how} into a temporary file in {took}: {in_words(size)}, {in_words(written)} of them on the disk"
    return mapping, remark


def starts_with(stream: Readable, size: int) -> bytes:
    """Read that many bytes, or all there are."""
    start = b""
    while len(start) < size and (piece := stream.read(size - len(start))):
        start += piece
    return start


def _unpack(stream: Readable, target: BinaryIO, watch: Watch) -> tuple[int, int]:
    """Size of what was unpacked, and how much of it was written: zeros become a hole."""
    # Late, like tempfile: it brings every compression of the standard library in.
    import shutil
    import tempfile

    room = shutil.disk_usage(tempfile.gettempdir()).free - _SPARE
    size = written = 0
    piece = stream.read(_PIECE)
    while piece:
        if piece != _ZEROS[: len(piece)]:
            target.seek(size)
            target.write(piece)
            written += len(piece)
        size += len(piece)
        watch(size)
        if written > room:
            raise OverLimit(
                f"unpacking needs more room for temporary files than the {in_words(max(room, 0))} there are"
            )
        if size > LARGEST_SPOOLED:
            raise OverLimit(f"larger than {in_words(LARGEST_SPOOLED)} unpacked (limit)")
        piece = stream.read(_PIECE)
    target.truncate(size)
    target.flush()
    return size, written
