"""Untrusted bytes of one stream, read within their bounds."""

from __future__ import annotations

import struct
from typing import Any, TypeVar

from smalldump.errors import SymbolError, Truncated
from smalldump.layout.record import Record

__all__ = ["Stream"]

R = TypeVar("R", bound=Record)

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_TEXT_LIMIT = 0x10000
_TEXT_USUAL = 128


class Stream:
    """A stream, or a part of one.

    Every method raises `SymbolError` where the stream has not the bytes that were asked for.

    Attributes:
        data: All of it.
        name: What it is called in complaints.
    """

    __slots__ = ("data", "name")

    def __init__(self, data: memoryview, name: str) -> None:
        self.data, self.name = data, name

    def __len__(self) -> int:
        return len(self.data)

    def unpack(self, codec: struct.Struct, at: int) -> tuple[Any, ...]:
        """What `codec` unpacks at offset `at`."""
        try:
            return codec.unpack_from(self.data, at)
        except struct.error:
            raise self.cut(at, codec.size) from None

    def u16(self, at: int) -> int:
        """The 16-bit word at offset `at`."""
        return self.unpack(_U16, at)[0]  # type: ignore[no-any-return]

    def u32(self, at: int) -> int:
        """The 32-bit word at offset `at`."""
        return self.unpack(_U32, at)[0]  # type: ignore[no-any-return]

    def record(self, kind: type[R], at: int) -> R:
        """The record of that kind at offset `at`."""
        try:
            return kind(self.data, at)
        except Truncated:
            raise self.cut(at, kind.SIZE) from None

    def part(self, at: int, size: int, name: str) -> Stream:
        """`size` bytes from offset `at` on, under another name."""
        if at + size > len(self.data):
            raise self.cut(at, size)
        return Stream(self.data[at : at + size], name)

    def raw_text(self, at: int, end: int | None = None) -> bytes:
        """The bytes of the NUL-terminated string at offset `at`, whose NUL is before offset `end`."""
        last = min(len(self.data) if end is None else end, at + _TEXT_LIMIT)
        for limit in (min(at + _TEXT_USUAL, last), last):
            piece = bytes(self.data[at:limit])
            terminator = piece.find(0)
            if terminator >= 0:
                return piece[:terminator]
        raise SymbolError(f"a string of {self.name} has no end", offset=at)

    def text(self, at: int, end: int | None = None) -> str:
        """The NUL-terminated string at offset `at`, whose NUL is before offset `end`."""
        return self.raw_text(at, end).decode("utf-8", "replace")

    def behind_text(self, at: int) -> int:
        """The offset behind the NUL of the string at offset `at`."""
        return at + len(self.raw_text(at)) + 1

    def counted_text(self, at: int) -> str:
        """The string at offset `at` behind a byte that counts its bytes."""
        size = self.u16(at) & 0xFF if at + 1 < len(self.data) else 0
        return bytes(self.data[at + 1 : at + 1 + size]).decode("utf-8", "replace")

    def cut(self, at: int, size: int) -> SymbolError:
        """The complaint that `size` bytes at offset `at` are not all there."""
        left = max(len(self.data) - at, 0)
        return SymbolError(f"{self.name} is cut", offset=at, expected=f"{size:#x} bytes", found=f"{left:#x}")
