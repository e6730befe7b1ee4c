"""The picture of the memory layout: stack, modules and data blocks where they lie in the address space.

What is mapped lies in a few places with terabytes between them: every place is a strip, to scale within itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from typing import NamedTuple

from smalldump.addresses import format_address
from smalldump.report.document import Document
from smalldump.report.html.reading import extent, fields, number, rows
from smalldump.report.shown import plain, text
from smalldump.report.values import JsonObject

__all__ = ["LANES", "WIDTH", "Mark", "Strip", "size_words", "strips_of"]

WIDTH = 1000
"""Units from one end of a strip to the other."""
MOST_STRIPS = 14
_MOST_PIECES = 20_000
_LEAST_GAP = 32 << 20
_PAGE = 4096
_LEAST_SPAN = 16 << 10
_LEAST_WIDTH = 1.5
LANES = {
    "windows": "part of Windows",
    "third": "other module",
    "culprit": "blamed",
    "unloaded": "unloaded driver",
    "reserve": "stack, not saved",
    "stack": "stack, saved",
    "block": "data block",
}
"""Kinds of pieces, and their words in the legend."""


class Piece(NamedTuple):
    """A range of addresses: its ends, its kind (a lane), its name."""

    start: int
    end: int
    kind: str
    name: str


class Mark(NamedTuple):
    """A piece as it is drawn: place and width in a strip, kind, words."""

    x: float
    width: float
    kind: str
    words: str


class Strip(NamedTuple):
    """A place of the address space: its first address, how long it is, what lies there."""

    start: str
    span: str
    content: str
    marks: list[Mark]


def strips_of(report: Document) -> list[Strip]:
    """The places of the address space that this dump tells of, by address."""
    bits = number(report["file.bits"]) or 64
    pieces = sorted(islice(_pieces(report), _MOST_PIECES))
    return [_strip(cluster, bits) for cluster in _clusters(pieces)]


def _pieces(report: Document) -> Iterator[Piece]:
    blamed = plain(report["verdict.culprit.module"])
    window = extent(fields(report["stack_window"]), "start")
    thread = extent(fields(report["thread"]), "stack_limit", "stack_base")
    if window and thread and thread[0] <= window[0] < thread[1]:
        yield Piece(*thread, "reserve", "the stack of the thread")
    if window:
        yield Piece(*window, "stack", "the saved part of the stack")
    for module in rows(report["modules"]):
        yield from _piece(module, _kind(module, blamed), text(module.get("name")))
    for module in rows(report["unloaded_modules"]):
        yield from _piece(module, "unloaded", f"<Unloaded_{text(module.get('name'))}>")
    for block in rows(report["pages.list"]):
        at, size = number(block.get("address")), number(block.get("size"))
        if at is not None and size and 0 <= at < at + size <= 1 << 64:
            yield Piece(at, at + size, "block", "data block")


def _kind(module: JsonObject, blamed: str | None) -> str:
    if blamed and module.get("name") == blamed:
        return "culprit"
    return "windows" if plain(module.get("vendor")) == "Microsoft" else "third"


def _piece(value: JsonObject, kind: str, name: str) -> Iterator[Piece]:
    ends = extent(value)
    if ends:
        yield Piece(*ends, kind, name)


def _clusters(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """The pieces, parted at the widest gaps."""
    ends = list(_running_ends(pieces))
    gaps = [(after.start - end, at) for at, (end, after) in enumerate(zip(ends, pieces[1:], strict=False), 1)]
    cuts = sorted(at for gap, at in sorted(gaps, reverse=True)[: MOST_STRIPS - 1] if gap >= _LEAST_GAP)
    for first, last in pairwise([0, *cuts, len(pieces)]):
        if first < last:
            yield pieces[first:last]


def _running_ends(pieces: Iterable[Piece]) -> Iterator[int]:
    end = 0
    for piece in pieces:
        end = max(end, piece.end)
        yield end


def _strip(cluster: list[Piece], bits: int) -> Strip:
    start, end = cluster[0].start, max(piece.end for piece in cluster)
    around = max(_LEAST_SPAN - (end - start), 0) // 2
    start, end = max(start - around, 0) // _PAGE * _PAGE, -(-(end + around) // _PAGE) * _PAGE
    return Strip(format_address(start, bits), size_words(end - start), _content(cluster), _marks(cluster, start, end))


def _marks(cluster: list[Piece], start: int, end: int) -> list[Mark]:
    scale, drawn, found = WIDTH / (end - start), set[tuple[str, int]](), list[Mark]()
    for piece in cluster:
        x = min((piece.start - start) * scale, WIDTH - _LEAST_WIDTH)
        if (piece.kind, int(x)) in drawn and piece.kind in ("block", "windows"):
            continue  # one that is drawn at the same place would hide it
        drawn.add((piece.kind, int(x)))
        width = max(min((piece.end - piece.start) * scale, WIDTH - x), _LEAST_WIDTH)
        found.append(
            Mark(round(x, 2), round(width, 2), piece.kind, f"{piece.name}, {size_words(piece.end - piece.start)}")
        )
    return sorted(found, key=lambda mark: (_OVER.get(mark.kind, 1), mark.x))


_OVER = {"reserve": 0, "third": 2, "culprit": 3}
"""What is drawn over what; the higher over the lower."""
_NOUNS = {
    "reserve": "stack",
    "windows": "module",
    "third": "module",
    "culprit": "module",
    "unloaded": "unloaded driver",
    "block": "data block",
}


def _content(cluster: list[Piece]) -> str:
    counts = dict[str, int]()
    for piece in cluster:
        noun = _NOUNS.get(piece.kind, piece.kind)
        counts[noun] = counts.get(noun, 0) + 1
    return ", ".join(
        noun if noun == "stack" else f"{count:,} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items()
    )


def size_words(size: int) -> str:
    """A number of bytes for people: `512 bytes`, `3.4 KiB`, `16 MiB`."""
    if size < 1024:
        return f"{size:,} bytes"
    amount, unit = float(size), "bytes"
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):  # noqa: B007  the last is wanted behind the loop
        amount /= 1024
        if amount < 1024:
            break
    return f"{amount:.0f} {unit}" if amount >= 10 else f"{amount:.1f} {unit}"
