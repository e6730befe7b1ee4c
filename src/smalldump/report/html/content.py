"""What else the dump holds: data blocks and who asked for them, secondary data, and what is wrong with the file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from smalldump.escape import shortened
from smalldump.report.document import Document
from smalldump.report.html.reading import fields, number, rows, strings, why_absent
from smalldump.report.labels import label, value_words
from smalldump.report.shown import address, is_absent, plain, text
from smalldump.report.values import Json

__all__ = ["Blob", "Blobs", "Blocks", "blobs_of", "blocks_of"]

MOST_BLOCKS = 500
MOST_BLOBS = 100
MOST_LINES = 120
"""Lines of the content of one blob, as long as there are no more than so many in all:"""
MOST_LINES_IN_ALL = 1_500
LONGEST_LINE = 240
DEEPEST = 8


class Blocks(NamedTuple):
    """Data blocks: how many and how much, who asked, and the first of them (address, size, offset, components)."""

    total: int | None
    size: int | None
    requests: list[tuple[str, int | None]]
    shown: list[tuple[str, int | None, str, str]]
    left_out: int
    absent: Json


class Blob(NamedTuple):
    """A blob of secondary data: tag, name, bytes, and its content as lines of depth, label and value."""

    guid: str
    name: str
    size: int | None
    lines: list[tuple[int, str, str]]


class Blobs(NamedTuple):
    """Secondary data: those shown, how many are not, and why there are none."""

    shown: list[Blob]
    left_out: int
    absent: Json


def blocks_of(report: Document) -> Blocks:
    """The data blocks, in file order."""
    pages, bits = fields(report["pages"]), number(report["file.bits"]) or 64
    listed = rows(pages.get("list"))
    return Blocks(
        total=number(plain(pages.get("blocks"))),
        size=number(plain(pages.get("bytes"))),
        requests=[
            (text(each.get("component")), number(each.get("ranges")))
            for each in rows(pages.get("requests"))[:MOST_BLOCKS]
        ],
        shown=[
            (
                address(each.get("address"), bits),
                number(each.get("size")),
                text(each.get("offset"), ""),
                ", ".join(map(text, strings(each.get("components")))),
            )
            for each in listed[:MOST_BLOCKS]
        ],
        left_out=max(len(listed) - MOST_BLOCKS, 0),
        absent=why_absent(pages.get("blocks")),
    )


def blobs_of(report: Document) -> Blobs:
    """Secondary data, in file order."""
    found, shown, left = rows(report["blobs"]), list[Blob](), MOST_LINES_IN_ALL
    for each in found[:MOST_BLOBS]:
        content = _content(each.get("decoded"), max(min(left, MOST_LINES), 0))
        left -= len(content)
        name = text(plain(each.get("name")), "not described")
        shown.append(Blob(text(each.get("guid")), name, number(each.get("size")), content))
    return Blobs(shown, max(len(found) - MOST_BLOBS, 0), why_absent(report["blobs"]))


def _content(decoded: Json, most: int) -> list[tuple[int, str, str]]:
    lines = list(islice(_lines(decoded, 0), most + 1))
    return lines if len(lines) <= most else [*lines[:most], (0, "", "and more, in the JSON report")]


def _lines(value: Json, depth: int) -> Iterator[tuple[int, str, str]]:
    for name, item in fields(value).items() if depth < DEEPEST else ():
        if isinstance(item, dict) and not is_absent(item):
            yield depth, label(name), ""
            yield from _lines(item, depth + 1)
        elif isinstance(item, list) and any(isinstance(each, dict) for each in item):
            yield depth, label(name), "" if item else "none"
            yield from ((depth + 1, "", _shown(name, each)) for each in islice(item, MOST_LINES + 1))
        else:
            yield depth, label(name), _shown(name, item)


def _shown(name: str, value: Json) -> str:
    return shortened(value_words(name, value, 64), LONGEST_LINE)
