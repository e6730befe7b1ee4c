"""What a stretch of bytes holds: zeros, the `PAGE` fill, or data; fast on megabytes."""

from __future__ import annotations

from enum import StrEnum

from smalldump.layout.dump import FILL

__all__ = ["Content", "content_of", "data_end", "data_start"]

_CHUNK = 0x10000
_ZEROS = bytes(_CHUNK)
_FILLS = FILL * (_CHUNK // len(FILL) + 1)


class Content(StrEnum):
    """Kinds of bytes that a file holds where nothing is known to lie."""

    ZEROS = "zeros"
    FILL = "fill"
    DATA = "data"


def content_of(data: memoryview, start: int, end: int) -> Content:
    """What the bytes `[start, end)` of the file `data` are; the fill counts only in its place, four bytes a turn."""
    if data_start(data, start, end) == end:
        return Content.ZEROS
    phase = start % len(FILL)
    for at in range(start, end, _CHUNK):
        piece = bytes(data[at : min(at + _CHUNK, end)])
        if piece != _FILLS[phase : phase + len(piece)]:
            return Content.DATA
    return Content.FILL


def data_start(data: memoryview, start: int, end: int) -> int:
    """Offset of the first byte of `[start, end)` that is not zero; `end` where all are."""
    for at in range(start, end, _CHUNK):
        piece = bytes(data[at : min(at + _CHUNK, end)])
        if piece != _ZEROS[: len(piece)]:
            return at + len(piece) - len(piece.lstrip(b"\0"))
    return end


def data_end(data: memoryview, start: int, end: int) -> int:
    """Offset behind the last byte of `[start, end)` that is not zero; `start` where all are."""
    for stop in range(end, start, -_CHUNK):
        piece = bytes(data[max(stop - _CHUNK, start) : stop])
        if piece != _ZEROS[: len(piece)]:
            return stop - len(piece) + len(piece.rstrip(b"\0"))
    return start
