"""Cabinets made by hand: literal offsets, MSZIP by zlib, LZX by an encoder that shares nothing with the decoder.

The encoder looks for matches in a simple table and gives every symbol that it uses a code; blocks of any kind can be
asked for, so that each path of a decoder is taken.
"""

from __future__ import annotations

import heapq
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence

__all__ = ["LzxEncoder", "cabinet", "mszip_blocks", "stored_blocks"]

FRAME = 32768
POSITION_SLOTS = {15: 30, 16: 32, 17: 34, 18: 36, 19: 38, 20: 42, 21: 50}
# (first formatted offset, number of extra bits) of each position slot, as the specification's table has them.
SLOT_TABLE = [
    (0, 0), (1, 0), (2, 0), (3, 0), (4, 1), (6, 1), (8, 2), (12, 2), (16, 3), (24, 3), (32, 4), (48, 4), (64, 5),
    (96, 5), (128, 6), (192, 6), (256, 7), (384, 7), (512, 8), (768, 8), (1024, 9), (1536, 9), (2048, 10), (3072, 10),
    (4096, 11), (6144, 11), (8192, 12), (12288, 12), (16384, 13), (24576, 13), (32768, 14), (49152, 14), (65536, 15),
    (98304, 15), (131072, 16), (196608, 16), (262144, 17), (393216, 17), (524288, 17), (655360, 17), (786432, 17),
    (917504, 17), (1048576, 17), (1179648, 17), (1310720, 17), (1441792, 17), (1572864, 17), (1703936, 17),
    (1835008, 17), (1966080, 17),
]  # fmt: skip


def checksum(data: bytes) -> int:
    """As the cabinet specification tells it: word by word, the rest from its end on."""
    total = 0
    for at in range(0, len(data) - 3, 4):
        total ^= struct.unpack_from("<I", data, at)[0]
    rest = data[len(data) & ~3 :]
    for place, byte in enumerate(reversed(rest)):
        total ^= byte << (8 * place)
    return total


def cabinet(
    size: int,
    blocks: Iterable[tuple[bytes, int]],
    compression: int,
    *,
    name: bytes = b"ntkrnlmp.pdb",
    reserved: tuple[int, int, int] | None = None,
    checked: bool = True,
) -> bytes:
    """A cabinet with one file in one folder.

    Args:
        size: Bytes of the file.
        blocks: Compressed bytes of each data block, and how many bytes they stand for.
        compression: The folder's `typeCompress`.
        reserved: Bytes reserved in the header, for each folder and for each block.
    """
    of_header, of_folder, of_data = reserved or (0, 0, 0)
    optional = b"" if reserved is None else struct.pack("<HBB", of_header, of_folder, of_data) + b"\xa5" * of_header
    files_at = 36 + len(optional) + 8 + of_folder
    file = struct.pack("<IIHHHH", size, 0, 0, 0x5B76, 0x3E80, 0x20) + name + b"\0"
    body, count = b"", 0
    for packed, unpacked in blocks:
        sizes = struct.pack("<HH", len(packed), unpacked) + b"\xa6" * of_data
        sum_of_all = checksum(packed) ^ checksum(sizes) if checked else 0
        body += struct.pack("<I", sum_of_all) + sizes + packed
        count += 1
    data_at = files_at + len(file)
    flags = 0 if reserved is None else 4
    header = struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0, data_at + len(body), 0, files_at, 0, 3, 1, 1, 1, flags, 7, 0)
    folder = struct.pack("<IHH", data_at, count, compression) + b"\xa7" * of_folder
    return header + optional + folder + file + body


def stored_blocks(data: bytes) -> list[tuple[bytes, int]]:
    """Blocks of the file as it is."""
    pieces = [data[at : at + FRAME] for at in range(0, len(data), FRAME)]
    return [(piece, len(piece)) for piece in pieces]


def mszip_blocks(data: bytes) -> list[tuple[bytes, int]]:
    """MSZIP: each block has the one before as its dictionary."""
    made, before = [], b""
    for at in range(0, len(data), FRAME):
        piece = data[at : at + FRAME]
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=before) if before else zlib.compressobj(9, 8, -15)
        made.append((b"CK" + deflate.compress(piece) + deflate.flush(), len(piece)))
        before = piece
    return made


class BitWriter:
    """Bits in 16-bit little-endian words, from each word's highest bit on."""

    def __init__(self) -> None:
        self.digits: list[str] = []
        self.done = b""

    def put(self, value: int, count: int) -> None:
        if count:
            self.digits.append(format(value, f"0{count}b"))

    def align(self, *, whole: bool = False) -> None:
        """Fill the word with zeros; of a full one, with `whole`, add another."""
        text = "".join(self.digits)
        filled = -len(text) % 16 or (16 if whole else 0)
        text += "0" * filled
        self.digits = []
        words = [int(text[at : at + 16], 2) for at in range(0, len(text), 16)]
        self.done += struct.pack(f"<{len(words)}H", *words)

    def raw(self, data: bytes) -> None:
        assert not self.digits
        self.done += data


def code_lengths(counts: Counter[int], symbols: int, longest: int) -> list[int]:
    """Lengths of a complete code for the symbols that are counted; two at least, so that it is complete."""
    used = {symbol: count for symbol, count in counts.items() if count}
    for extra in range(symbols):
        if len(used) >= 2:
            break
        used.setdefault(extra, 1)
    while True:
        heap: list[tuple[int, int, tuple[int, ...]]] = [(count, symbol, (symbol,)) for symbol, count in used.items()]
        heapq.heapify(heap)
        lengths = dict.fromkeys(used, 0)
        while len(heap) > 1:
            one, other = heapq.heappop(heap), heapq.heappop(heap)
            for symbol in one[2] + other[2]:
                lengths[symbol] += 1
            heapq.heappush(heap, (one[0] + other[0], min(one[1], other[1]), one[2] + other[2]))
        if max(lengths.values()) <= longest:
            return [lengths.get(symbol, 0) for symbol in range(symbols)]
        used = {symbol: count // 2 + 1 for symbol, count in used.items()}


def codes(lengths: Sequence[int]) -> list[str]:
    """The canonical codes, as digits."""
    made, code = [""] * len(lengths), 0
    for length in range(1, 17):
        for symbol, its in enumerate(lengths):
            if its == length:
                made[symbol] = format(code, f"0{length}b")
                code += 1
        code <<= 1
    return made


Token = tuple[int, int, int]
"""Length, distance, and for a literal (1, 0, byte)."""


class LzxEncoder:
    """Compresses to LZX frames.

    Args:
        window_bits: 15 to 21.
        kinds: Kinds of the blocks, in turn: 1 verbatim, 2 aligned, 3 uncompressed.
        block: Bytes that a block stands for; blocks may cross frames.
        translation: Size for the translation of x86 calls; None for no translation.
        runs: Whether runs of code lengths are told as such.
    """

    def __init__(
        self,
        window_bits: int = 15,
        kinds: Sequence[int] = (1,),
        block: int = 3 * FRAME // 2,
        translation: int | None = None,
        *,
        runs: bool = True,
    ) -> None:
        self.bits, self.kinds, self.block, self.translation, self.runs = window_bits, kinds, block, translation, runs
        self.slots = POSITION_SLOTS[window_bits]

    def blocks(self, data: bytes) -> list[tuple[bytes, int]]:
        """All frames, ready for `cabinet`."""
        size = len(data)
        if self.translation:
            data = translated(data, self.translation)
        self.recent = [1, 1, 1]
        self.main, self.length = [0] * (256 + 8 * self.slots), [0] * 249
        self.out, self.frames, self.at = BitWriter(), list[tuple[bytes, int]](), 0
        self.table, self.lately = dict[bytes, int](), [1, 2, 4]
        self.out.put(int(self.translation is not None), 1)
        if self.translation is not None:
            self.out.put(self.translation >> 16, 16)
            self.out.put(self.translation & 0xFFFF, 16)
        turn = 0
        while self.at < size:
            self._block(data, self.at, min(size, self.at + self.block), self.kinds[turn % len(self.kinds)])
            turn += 1
        if size % FRAME:
            self._end_frame(size % FRAME)
        return self.frames

    def _end_frame(self, size: int) -> None:
        self.out.align()
        self.frames.append((self.out.done, size))
        self.out = BitWriter()

    def _pieces(self, start: int, end: int) -> Iterable[tuple[int, int]]:
        while start < end:
            upto = min(end, (start // FRAME + 1) * FRAME)
            yield start, upto
            start = upto

    def _block(self, data: bytes, start: int, end: int, kind: int) -> None:
        self.out.put(kind, 3)
        self.out.put(end - start, 24)
        if kind == 3:
            self.out.align(whole=True)
            self.out.raw(struct.pack("<III", *self.recent))
            for begin, upto in self._pieces(start, end):
                self.out.raw(data[begin:upto])
                if upto == end and (end - start) % 2:
                    self.out.raw(b"\0")
                if upto % FRAME == 0:
                    self._end_frame(FRAME)
            self.at = end
            return
        pieces = [(self._tokens(data, begin, upto), upto) for begin, upto in self._pieces(start, end)]
        coded = [([self._coded(token) for token in tokens], upto) for tokens, upto in pieces]
        flat = [each for tokens, _ in coded for each in tokens]
        self._trees(flat, kind)
        main, length, aligned = codes(self.main), codes(self.length), codes(self.aligned)
        for tokens, upto in coded:
            for element, more, slot, value in tokens:
                self.out.digits.append(main[element])
                if more is not None:
                    self.out.digits.append(length[more])
                extra = SLOT_TABLE[slot][1]
                if kind == 2 and extra >= 3:
                    self.out.put(value >> 3, extra - 3)
                    self.out.digits.append(aligned[value & 7])
                else:
                    self.out.put(value, extra)
            if upto % FRAME == 0:
                self._end_frame(FRAME)
        self.at = end

    def _tokens(self, data: bytes, start: int, end: int) -> list[Token]:
        """Literals and matches of one frame's piece; matches stay inside it but look back over the window."""
        made, at, reach = [], start, (1 << self.bits) - 3
        while at < end:
            best = (1, 0, data[at])
            for distance in sorted({*self._before(data, at), *self.lately}):
                if 0 < distance <= min(at, reach):
                    length = 0
                    while length < 257 and at + length < end and data[at + length] == data[at + length - distance]:
                        length += 1
                    if length > max(best[0], 2 if distance < 4096 else 4):
                        best = (length, distance, 0)
            made.append(best)
            for covered in range(at, at + best[0]):
                self.table[data[covered : covered + 4]] = covered
            at += best[0]
        return made

    def _before(self, data: bytes, at: int) -> Iterable[int]:
        found = self.table.get(data[at : at + 4])
        if found is not None:
            self.lately = [at - found, *self.lately[:2]]
            yield at - found

    def _coded(self, token: Token) -> tuple[int, int | None, int, int]:
        """Main element, length symbol, position slot, extra value."""
        length, distance, byte = token
        if not distance:
            return byte, None, 0, 0
        if distance in self.recent:
            slot = self.recent.index(distance)
            self.recent[0], self.recent[slot] = self.recent[slot], self.recent[0]
            value = 0
        else:
            self.recent = [distance, *self.recent[:2]]
            slot = max(at for at, (base, _) in enumerate(SLOT_TABLE) if base <= distance + 2)
            value = distance + 2 - SLOT_TABLE[slot][0]
        header = min(length - 2, 7)
        return 256 + slot * 8 + header, length - 9 if header == 7 else None, slot, value

    def _trees(self, tokens: list[tuple[int, int | None, int, int]], kind: int) -> None:
        main = code_lengths(Counter(token[0] for token in tokens), len(self.main), 16)
        matched = Counter(token[1] for token in tokens if token[1] is not None)
        length = code_lengths(matched, 249, 16) if matched else [0] * 249
        low = Counter(token[3] & 7 for token in tokens if SLOT_TABLE[token[2]][1] >= 3)
        self.aligned = code_lengths(low, 8, 7)
        if kind == 2:
            for each in self.aligned:
                self.out.put(each, 3)
        self._lengths(self.main[:256], main[:256])
        self._lengths(self.main[256:], main[256:])
        self._lengths(self.length, length)
        self.main, self.length = main, length

    def _lengths(self, before: list[int], after: list[int]) -> None:
        """Code lengths as differences, in a small code of their own."""
        symbols: list[tuple[int, int, int]] = []  # symbol, extra value, extra bits; -1 marks what follows symbol 19
        at = 0
        while at < len(after):
            same = 1
            while at + same < len(after) and after[at + same] == after[at]:
                same += 1
            delta = (before[at] - after[at]) % 17
            if self.runs and after[at] == 0 and same >= 20:
                run = min(same, 51)
                symbols.append((18, run - 20, 5))
            elif self.runs and after[at] == 0 and same >= 4:
                run = min(same, 19)
                symbols.append((17, run - 4, 4))
            elif self.runs and same >= 4:
                run = min(same, 5)
                symbols += [(19, run - 4, 1), (delta, 0, 0)]
            else:
                run = 1
                symbols.append((delta, 0, 0))
            at += run
        lengths = code_lengths(Counter(symbol for symbol, _, _ in symbols), 20, 15)
        digits = codes(lengths)
        for each in lengths:
            self.out.put(each, 4)
        for symbol, value, bits in symbols:
            self.out.digits.append(digits[symbol])
            self.out.put(value, bits)


def translated(data: bytes, total: int) -> bytes:
    """x86 calls with absolute targets, frame by frame, as an encoder leaves them."""
    made = bytearray(data)
    for start in range(0, len(data), FRAME):
        end = min(start + FRAME, len(data))
        at = start
        while end - start > 10 and at < end - 10:
            if made[at] != 0xE8:
                at += 1
                continue
            relative = struct.unpack_from("<i", made, at + 1)[0]
            if -at <= relative < total - at:
                absolute = relative + at
                struct.pack_into("<i", made, at + 1, absolute)
            elif total - at <= relative < total:
                struct.pack_into("<i", made, at + 1, relative - total)
            at += 5
    return bytes(made)
