"""Inlined functions: the inline sites inside a procedure, and their binary annotations.

Source: `BinaryAnnotationOpcode` of cvinfo.h in github.com/microsoft/microsoft-pdb.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from smalldump.errors import SymbolError
from smalldump.layout.codeview import InlineSiteSym, Sym
from smalldump.symbols.pdb_lines import FileLine
from smalldump.symbols.streams import Stream

__all__ = ["AnnotatedRange", "Site", "annotated_ranges", "sites_at"]

_SITE = InlineSiteSym.unpacker("inlinee")
_ANNOTATIONS_AT = {Sym.INLINESITE: InlineSiteSym.SIZE, Sym.INLINESITE2: InlineSiteSym.SIZE + 4}
_DEEPEST = 256


class Annotation(IntEnum):
    """`BA_OP_…`."""

    INVALID = 0
    CODE_OFFSET = 1
    CHANGE_CODE_OFFSET_BASE = 2
    CHANGE_CODE_OFFSET = 3
    CHANGE_CODE_LENGTH = 4
    CHANGE_FILE = 5
    CHANGE_LINE_OFFSET = 6
    CHANGE_LINE_END_DELTA = 7
    CHANGE_RANGE_KIND = 8
    CHANGE_COLUMN_START = 9
    CHANGE_COLUMN_END_DELTA = 10
    CHANGE_CODE_OFFSET_AND_LINE_OFFSET = 11
    CHANGE_CODE_LENGTH_AND_CODE_OFFSET = 12
    CHANGE_COLUMN_END = 13


class AnnotatedRange(NamedTuple):
    """Code that comes from one line of an inlined function.

    Attributes:
        start, end: Bytes from the start of the procedure; the end is exclusive.
        file: The file, or None: that in which the function begins.
        line: Lines from the one where the function begins.
    """

    start: int
    end: int
    file: int | None
    line: int


class Site(NamedTuple):
    """A function that was inlined at a place.

    Attributes:
        inlinee: The function, an item of the IPI stream.
        range: The code and line there; None where only functions inlined into this one have code there.
    """

    inlinee: int
    range: AnnotatedRange | None

    def line(self, begins: FileLine | None) -> FileLine | None:
        """The line there, of a function that begins at `begins`."""
        if self.range is None or begins is None:
            return None
        return FileLine(begins.file if self.range.file is None else self.range.file, begins.line + self.range.line)


def sites_at(stream: Stream, inside: Iterable[tuple[int, int, int]], distance: int) -> list[Site]:
    """What is inlined into a procedure `distance` bytes from its start, innermost first.

    Args:
        inside: The records inside the procedure.
    """
    around: list[Site] = []
    found: list[Site] = []
    for at, kind, behind in inside:
        if kind in (Sym.INLINESITE, Sym.INLINESITE2):
            around.append(_site(stream, at, kind, behind, distance))
            if around[-1].range is not None and len(around) > len(found):
                found = list(around[:_DEEPEST])
        elif kind == Sym.INLINESITE_END and around:
            around.pop()
    return found[::-1]


def _site(stream: Stream, at: int, kind: int, behind: int, distance: int) -> Site:
    start = at + _ANNOTATIONS_AT[Sym(kind)]
    if start > behind:
        raise SymbolError(f"a record of {stream.name} is too short", offset=at, found=f"{behind - at:#x} bytes")
    (inlinee,) = stream.unpack(_SITE, at)
    ranges = annotated_ranges(bytes(stream.data[start:behind]))
    return Site(inlinee, next((each for each in ranges if each.start <= distance < each.end), None))


def annotated_ranges(data: bytes) -> Iterator[AnnotatedRange]:
    """What binary annotations say: a range of code for each line, which ends where the next begins or a length says.

    Annotations that break off end there; a range without an end is left out.
    """
    code = line = 0
    file: int | None = None
    begun: tuple[int, int | None, int] | None = None
    for kind, value, second in _annotations(data):
        delta, length = _code_delta(kind, value, second)
        line += _line_delta(kind, value)
        if kind == Annotation.CHANGE_FILE:
            file = value
        if delta is not None:
            code += delta
            if begun and begun[0] < code:
                yield AnnotatedRange(begun[0], code, *begun[1:])
            begun = (code, file, line)
        if length is not None:
            if begun:
                yield AnnotatedRange(begun[0], begun[0] + length, *begun[1:])
            begun = None
            # The next range counts from the end of this one, but from its start where one annotation said both:
            # otherwise code inlined side by side would overlap (seen in all of 32,000 ranges of Microsoft's compiler).
            code += length if kind == Annotation.CHANGE_CODE_LENGTH else 0


def _code_delta(kind: int, value: int, second: int) -> tuple[int | None, int | None]:
    """How far the next range begins behind the last place, and its length, where an annotation says so."""
    if kind in (Annotation.CODE_OFFSET, Annotation.CHANGE_CODE_OFFSET):
        return value, None
    if kind == Annotation.CHANGE_CODE_OFFSET_AND_LINE_OFFSET:
        return value & 0xF, None
    if kind == Annotation.CHANGE_CODE_LENGTH:
        return None, value
    if kind == Annotation.CHANGE_CODE_LENGTH_AND_CODE_OFFSET:
        return second, value
    return None, None


def _line_delta(kind: int, value: int) -> int:
    if kind == Annotation.CHANGE_LINE_OFFSET:
        return _signed(value)
    return _signed(value >> 4) if kind == Annotation.CHANGE_CODE_OFFSET_AND_LINE_OFFSET else 0


def _signed(value: int) -> int:
    return -(value >> 1) if value & 1 else value >> 1


def _annotations(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind and operands, up to the padding."""
    numbers = _numbers(data)
    for kind in numbers:
        value = next(numbers, None)
        second = next(numbers, None) if kind == Annotation.CHANGE_CODE_LENGTH_AND_CODE_OFFSET else 0
        if kind == Annotation.INVALID or value is None or second is None:
            return
        yield kind, value, second


def _numbers(data: bytes) -> Iterator[int]:
    """Compressed unsigned integers: of one, two or four bytes, as the top bits of the first say."""
    at = 0
    while at < len(data):
        first = data[at]
        size = 1 if first < 0x80 else 2 if first < 0xC0 else 4
        if first >= 0xE0 or at + size > len(data):
            return
        mask = {1: 0x7F, 2: 0x3FFF, 4: 0x1FFFFFFF}[size]
        yield int.from_bytes(data[at : at + size], "big") & mask
        at += size
