"""LZX, as in cabinets: Huffman codes over a window of 32 KiB to 2 MiB, in frames of 32 KiB.

Source: Microsoft's "LZX Data Compression Format" and [MS-PATCH] §2; where they differ, cabinets as they are.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from smalldump.errors import FormatError
from smalldump.layout.record import Buffer

__all__ = ["FRAME", "LzxDecoder"]

FRAME = 0x8000
"""Bytes that a frame unpacks to; only the last one has fewer."""

_SLOTS = {15: 30, 16: 32, 17: 34, 18: 36, 19: 38, 20: 42, 21: 50}
_EXTRA_BITS = [min(max(slot // 2 - 1, 0), 17) for slot in range(50)]
_BASES = [sum(1 << bits for bits in _EXTRA_BITS[:slot]) for slot in range(50)]
_LENGTHS = 249
_VERBATIM, _ALIGNED, _UNCOMPRESSED = 1, 2, 3
_LONGEST_CODE = 16
_RUN_OF_ZEROS, _LONG_RUN_OF_ZEROS, _RUN_OF_SAME = 17, 18, 19
_TRANSLATED_FRAMES = 0x8000  # calls are translated in the first GiB only
_CALL = 0xE8


class _Bits:
    """The bits of one frame: 16-bit words, each from its highest bit on.

    Attributes:
        at: Position, bits.
        ahead: For every word, it and the two behind it as one number, so that 32 bits lie open at any position.
    """

    __slots__ = ("ahead", "at", "data", "size")

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.size = data, 0, len(data) * 8
        words = array("H", data + bytes(4 + len(data) % 2))
        if sys.byteorder == "big":
            words.byteswap()
        self.ahead = [a << 32 | b << 16 | c for a, b, c in zip(words, words[1:], words[2:], strict=False)]
        self.ahead += [0, 0, 0, 0]

    def take(self, count: int) -> int:
        """The next bits, at most 32."""
        at = self.at
        if at + count > self.size:
            raise _malformed("the compressed data ends early")
        self.at = at + count
        return self.ahead[at >> 4] >> (48 - (at & 15) - count) & ((1 << count) - 1)

    def symbol(self, code: _Code) -> int:
        """The next symbol of a code."""
        at = self.at
        if at >= self.size:
            raise _malformed("the compressed data ends early")
        entry = code.table[self.ahead[at >> 4] >> (48 - (at & 15) - code.bits) & code.mask]
        self.at = at + (entry & 31)
        return entry >> 5

    def raw(self, count: int) -> bytes:
        """The next bytes, from a byte's boundary on."""
        start = self.at // 8
        if start + count > len(self.data):
            raise _malformed("the compressed data ends early")
        self.at += count * 8
        return self.data[start : start + count]


class _Code(NamedTuple):
    """A Huffman code: `table` is looked up with the next `bits` bits and holds symbol << 5 | length."""

    table: list[int]
    bits: int
    mask: int


def _code(lengths: Sequence[int]) -> _Code:
    """The canonical code of these lengths; one without any symbol is a code that nothing may use."""
    bits = max(lengths)
    if bits == 0:
        return _Code([], 0, 0)
    by_length = sorted((length, symbol) for symbol, length in enumerate(lengths) if length)
    if sum(1 << (bits - length) for length, _ in by_length) != 1 << bits:
        raise _malformed("a Huffman code is incomplete or oversubscribed")
    table: list[int] = []
    for length, symbol in by_length:
        table += [symbol << 5 | length] * (1 << (bits - length))
    return _Code(table, bits, (1 << bits) - 1)


class LzxDecoder:
    """Unpacks the frames of one folder of a cabinet, in order.

    Args:
        window_bits: 15 to 21: the window's size as a power of two.

    Raises:
        FormatError: There is no such window, or (from `frame`) the data are not LZX.
    """

    def __init__(self, window_bits: int) -> None:
        if window_bits not in _SLOTS:
            raise FormatError("no LZX window", expected="15 to 21 bits", found=str(window_bits))
        self._window = 1 << window_bits
        self._history = bytearray()
        self._main = [0] * (256 + 8 * _SLOTS[window_bits])
        self._length = [0] * _LENGTHS
        self._recent = (1, 1, 1)
        self._block, self._left = 0, 0
        self._padded = False
        self._codes = (_Code([], 0, 0),) * 3
        self._frames = 0
        self._translation: int | None = None

    def frame(self, data: Buffer, size: int) -> bytes:
        """The next frame: `size` bytes, at most 32 KiB."""
        bits = _Bits(bytes(data))
        if not self._frames:
            self._translation = bits.take(16) << 16 | bits.take(16) if bits.take(1) else 0
        del self._history[: max(len(self._history) - self._window, 0)]
        start = len(self._history)
        try:
            self._fill(bits, start + size)
        except IndexError:
            raise _malformed("a code without symbols is used, or the data end early") from None
        self._frames += 1
        return self._untranslated(self._history[start:])

    def _fill(self, bits: _Bits, end: int) -> None:
        out = self._history
        while len(out) < end:
            if not self._left:
                self._begin_block(bits)
            upto = min(end, len(out) + self._left)
            self._left -= upto - len(out)
            if self._block == _UNCOMPRESSED:
                out += bits.raw(upto - len(out))
                bits = self._behind_raw(bits)
            else:
                self._matches(bits, upto)

    def _behind_raw(self, bits: _Bits) -> _Bits:
        """The bits behind a piece of an uncompressed block: words begin anew there, after odd blocks one byte on."""
        start = bits.at // 8 + (self._padded and not self._left)
        return _Bits(bits.data[start:])

    def _begin_block(self, bits: _Bits) -> None:
        self._block, self._left = bits.take(3), bits.take(24)
        self._padded = self._left % 2 == 1
        if not self._left:
            raise _malformed("a block is empty")
        if self._block == _UNCOMPRESSED:
            bits.at += 16 - bits.at % 16  # of an aligned position, too, a whole word is left out
            words = bits.raw(12)
            r0, r1, r2 = (int.from_bytes(words[at : at + 4], "little") for at in (0, 4, 8))
            self._recent = (r0, r1, r2)
        elif self._block in (_VERBATIM, _ALIGNED):
            self._read_codes(bits)
        else:
            raise FormatError("LZX data", expected="a block of kind 1, 2 or 3", found=str(self._block))

    def _read_codes(self, bits: _Bits) -> None:
        aligned = _code([bits.take(3) for _ in range(8)] if self._block == _ALIGNED else [0])
        _read_lengths(bits, self._main, 0, 256)
        _read_lengths(bits, self._main, 256, len(self._main))
        _read_lengths(bits, self._length, 0, _LENGTHS)
        self._codes = (_code(self._main), _code(self._length), aligned)

    def _matches(self, bits: _Bits, end: int) -> None:
        """Literals and matches up to `end`. Most of the time goes by here: locals instead of calls."""
        main, _, _ = self._codes
        table, width, mask, ahead, out = main.table, 48 - main.bits, main.mask, bits.ahead, self._history
        at, done, append = bits.at, len(out), out.append
        while done < end:
            entry = table[ahead[at >> 4] >> (width - (at & 15)) & mask]
            at += entry & 31
            if entry < 256 << 5:
                append(entry >> 5)
                done += 1
                continue
            bits.at = at
            length, offset = self._match(bits, (entry >> 5) - 256)
            at = bits.at
            if offset > done or offset > self._window or not offset or length > end - done:
                raise _malformed("a match leaves the window or its frame")
            if offset >= length:
                out += out[done - offset : done - offset + length]
            else:
                out += (out[done - offset :] * (length // offset + 1))[:length]
            done += length
        bits.at = at
        if at > bits.size:
            raise _malformed("the compressed data ends early")

    def _match(self, bits: _Bits, element: int) -> tuple[int, int]:
        """Length and distance of the match that a main symbol begins."""
        slot, length = element >> 3, (element & 7) + 2
        if length == 9:
            length += bits.symbol(self._codes[1])
        r0, r1, r2 = self._recent
        if slot == 0:
            return length, r0
        if slot == 1:
            self._recent = (r1, r0, r2)
            return length, r1
        if slot == 2:
            self._recent = (r2, r1, r0)
            return length, r2
        extra = _EXTRA_BITS[slot]
        if self._block == _ALIGNED and extra >= 3:
            more = bits.take(extra - 3) << 3
            more += bits.symbol(self._codes[2])
        else:
            more = bits.take(extra)
        offset = _BASES[slot] + more - 2
        self._recent = (offset, r0, r1)
        return length, offset

    def _untranslated(self, frame: bytearray) -> bytes:
        """The frame with its x86 calls relative again; the window keeps them absolute."""
        start, total = self._frames_before * FRAME, self._translation
        if not total or self._frames_before >= _TRANSLATED_FRAMES or len(frame) <= 10:
            return bytes(frame)
        for at in _calls(bytes(frame)):
            value = int.from_bytes(frame[at + 1 : at + 5], "little", signed=True)
            if -(start + at) <= value < total:
                value = value - start - at if value >= 0 else value + total
                frame[at + 1 : at + 5] = (value & 0xFFFFFFFF).to_bytes(4, "little")
        return bytes(frame)

    @property
    def _frames_before(self) -> int:
        return self._frames - 1


def _calls(frame: bytes) -> Iterator[int]:
    """Where calls begin; their four bytes of address are passed over."""
    at = frame.find(_CALL)
    while 0 <= at < len(frame) - 10:
        yield at
        at = frame.find(_CALL, at + 5)


def _read_lengths(bits: _Bits, lengths: list[int], start: int, end: int) -> None:
    """Code lengths, told as differences from the block before, themselves in a small Huffman code."""
    code = _code([bits.take(4) for _ in range(20)])
    at = start
    while at < end:
        symbol, run = bits.symbol(code), 1
        if symbol == _RUN_OF_ZEROS:
            run, length = bits.take(4) + 4, 0
        elif symbol == _LONG_RUN_OF_ZEROS:
            run, length = bits.take(5) + 20, 0
        elif symbol == _RUN_OF_SAME:
            run = bits.take(1) + 4
            length = _length_after(lengths[at], bits.symbol(code))
        else:
            length = _length_after(lengths[at], symbol)
        if at + run > end:
            raise _malformed("code lengths run over their end")
        lengths[at : at + run] = [length] * run
        at += run


def _length_after(before: int, symbol: int) -> int:
    if symbol > _LONGEST_CODE:
        raise _malformed("a run inside a run of code lengths")
    return (before - symbol) % (_LONGEST_CODE + 1)


def _malformed(what: str) -> FormatError:
    return FormatError(f"LZX data: {what}")
