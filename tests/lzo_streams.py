"""LZO1X streams, made instruction by instruction: an opinion independent of the reader.

Bytes are written as the description of the format has them, bit by bit; what they unpack to is kept beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["END", "Stream", "lzo_run"]

END = bytes([0b0001_0001, 0, 0])


@dataclass
class Stream:
    """A stream in the making.

    Attributes:
        data: Its bytes so far.
        plain: What they unpack to.
        state: Bytes as they are that the last instruction ended with: 0 to 3, or 4 for more.
    """

    data: bytearray = field(default_factory=bytearray)
    plain: bytearray = field(default_factory=bytearray)
    state: int = 0

    def run(self, literals: bytes) -> Stream:
        """Four bytes and more as they are; only where the last instruction ended with none."""
        assert len(literals) >= 4
        assert not self.state
        if not self.data and len(literals) <= 238:
            self.data.append(17 + len(literals))
        else:
            self._length(0, 15, len(literals) - 3)
        return self._end(literals, 4)

    def short_start(self, literals: bytes) -> Stream:
        """One to three bytes as they are, at the very beginning."""
        assert not self.data
        assert 0 < len(literals) < 4
        self.data.append(17 + len(literals))
        return self._end(literals, len(literals))

    def near_two(self, distance: int, after: bytes = b"") -> Stream:
        """Two bytes from at most 1,024 back, behind one to three bytes as they are."""
        assert self.state in (1, 2, 3)
        distance -= 1
        self.data += bytes([(distance & 3) << 2 | len(after), distance >> 2])
        return self._copied(distance + 1, 2, after)

    def near_three(self, distance: int, after: bytes = b"") -> Stream:
        """Three bytes from 2,049 to 3,072 back, behind four and more as they are."""
        assert self.state == 4
        distance -= 2049
        self.data += bytes([(distance & 3) << 2 | len(after), distance >> 2])
        return self._copied(distance + 2049, 3, after)

    def short(self, distance: int, length: int, after: bytes = b"") -> Stream:
        """Three to eight bytes from at most 2,048 back."""
        distance -= 1
        kind = 0b0100_0000 | (length - 3) << 5 if length < 5 else 0b1000_0000 | (length - 5) << 5
        self.data += bytes([kind | (distance & 7) << 2 | len(after), distance >> 3])
        return self._copied(distance + 1, length, after)

    def middle(self, distance: int, length: int, after: bytes = b"") -> Stream:
        """Three bytes and more from at most 16,384 back."""
        self._length(0b0010_0000, 31, length - 2)
        self.data += (distance - 1 << 2 | len(after)).to_bytes(2, "little")
        return self._copied(distance, length, after)

    def far(self, distance: int, length: int, after: bytes = b"") -> Stream:
        """Three bytes and more from 16,385 to 49,151 back."""
        rest = distance - 16384
        self._length(0b0001_0000 | rest >> 14 << 3, 7, length - 2)
        self.data += ((rest & 0x3FFF) << 2 | len(after)).to_bytes(2, "little")
        return self._copied(distance, length, after)

    def done(self) -> bytes:
        """The whole stream."""
        return bytes(self.data) + END

    def _length(self, kind: int, most: int, length: int) -> None:
        assert length > 0  # 0 says that more bytes follow
        if length <= most:
            self.data.append(kind | length)
            return
        zeros, last = divmod(length - most - 1, 255)
        self.data += bytes([kind]) + bytes(zeros) + bytes([last + 1])

    def _copied(self, distance: int, length: int, after: bytes) -> Stream:
        for _ in range(length):
            self.plain.append(self.plain[-distance])
        return self._end(after, len(after))

    def _end(self, literals: bytes, state: int) -> Stream:
        self.data += literals
        self.plain += literals
        self.state = state
        return self


def lzo_run(data: bytes) -> bytes:
    """Bytes as a stream that packs nothing but runs of one byte or of eight."""
    stream = Stream().run(data[:8])
    for distance in (1, 8):
        if all(data[at] == data[at - distance] for at in range(8, len(data))):
            return stream.middle(distance, len(data) - 8).done() if len(data) > 10 else Stream().run(data).done()
    return Stream().run(data).done()
