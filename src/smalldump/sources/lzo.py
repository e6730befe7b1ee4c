"""LZO1X, unpacked: what kdump files of pages "compressed by lzo" hold.

A stream is a row of instructions; each copies bytes of what was unpacked before, and then up to three bytes as they
follow. The instruction's first byte tells its kind. Source: the description of the stream format in the documentation
of Linux ("LZO stream format as understood by Linux's LZO decompressor").
"""

from __future__ import annotations

from typing import NamedTuple

from smalldump.errors import FormatError

__all__ = ["unpacked_lzo"]

_FIRST_RUN = 17
"""A stream that begins with a larger byte begins with that many bytes fewer as they are."""
_AFTER_RUN = 4
"""The state after four or more bytes as they are."""
_END_DISTANCE = 16384


class _Match(NamedTuple):
    """A copy of bytes that were unpacked before, then of `following` bytes as they are.

    Attributes:
        position: Of the next byte that was not read yet.
    """

    distance: int
    length: int
    following: int
    position: int


def unpacked_lzo(data: bytes, most: int) -> bytes:
    """Unpack a stream.

    Args:
        most: Bytes to unpack at most: a longer stream is an error.

    Raises:
        FormatError: The stream is damaged, does not end, or is longer.
    """
    try:
        return bytes(_unpacked(data, most))
    except IndexError as error:
        raise FormatError("an LZO stream does not end", expected="its end mark") from error


def _unpacked(data: bytes, most: int) -> bytearray:
    out = bytearray()
    position = state = 0
    if data[0] > _FIRST_RUN:
        position = _literals(data, 1, data[0] - _FIRST_RUN, out, most)
        state = min(data[0] - _FIRST_RUN, _AFTER_RUN)
    while True:
        if data[position] < 16 and not state:
            length, position = _long(data, position, 15, 3)
            position, state = _literals(data, position, length, out, most), _AFTER_RUN
            continue
        match = _match(data, position, state)
        if match.distance == _END_DISTANCE and data[position] >> 4 == 1:
            return out
        _copy(out, match, most)
        position, state = _literals(data, match.position, match.following, out, most), match.following


def _match(data: bytes, position: int, state: int) -> _Match:
    byte = data[position]
    if byte >= 64:
        length = 5 + (byte >> 5 & 3) if byte >= 128 else 3 + (byte >> 5 & 1)
        return _Match((data[position + 1] << 3) + (byte >> 2 & 7) + 1, length, byte & 3, position + 2)
    if byte >= 16:
        length, position = _long(data, position, 31 if byte >= 32 else 7, 2)
        low, high = data[position], data[position + 1]
        near = (high << 6) + (low >> 2)
        distance = near + 1 if byte >= 32 else _END_DISTANCE + ((byte & 8) << 11) + near
        return _Match(distance, length, low & 3, position + 2)
    near = (data[position + 1] << 2) + (byte >> 2)
    if state == _AFTER_RUN:
        return _Match(near + 2049, 3, byte & 3, position + 2)
    return _Match(near + 1, 2, byte & 3, position + 2)


def _long(data: bytes, position: int, mask: int, least: int) -> tuple[int, int]:
    # A length in the low bits of a byte; where they are 0, zeros of 255 each and a last byte are added to them.
    length = data[position] & mask
    position += 1
    if length:
        return least + length, position
    start = position
    while not data[position]:
        position += 1
    return least + mask + 255 * (position - start) + data[position], position + 1


def _literals(data: bytes, position: int, length: int, out: bytearray, most: int) -> int:
    end = position + length
    if end > len(data):
        raise IndexError
    if len(out) + length > most:
        raise _too_long(most)
    out += data[position:end]
    return end


def _copy(out: bytearray, match: _Match, most: int) -> None:
    start = len(out) - match.distance
    if start < 0:
        raise FormatError(
            "an LZO stream copies what was never unpacked", expected=f"at most {len(out)}", found=str(match.distance)
        )
    if len(out) + match.length > most:
        raise _too_long(most)
    # The copy may reach into what it makes: then it repeats.
    piece = out[start : start + match.length]
    repeats = -(-match.length // len(piece))
    out += (piece * repeats)[: match.length]


def _too_long(most: int) -> FormatError:
    return FormatError("an LZO stream is longer than it may be", expected=f"at most {most} bytes")
