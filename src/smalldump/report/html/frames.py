"""Call stacks of a page: rows of frames, and the words for how far each is to be trusted."""

from __future__ import annotations

from typing import NamedTuple

from smalldump.report.document import Document
from smalldump.report.first_screen import frame_place
from smalldump.report.html.reading import fields, number, rows, strings
from smalldump.report.shown import address, plain, text
from smalldump.report.values import Json, JsonObject
from smalldump.unwind import FrameTrust, WalkEnd

__all__ = ["LEGEND", "Row", "end_words", "frame_rows", "trust_of"]

MOST_FRAMES = 400

LEGEND = [(trust.value, trust.words) for trust in reversed(FrameTrust)]
"""Every degree of trust and its words, the best first."""


class Row(NamedTuple):
    """A frame of a table.

    Attributes:
        number: From 0, innermost first; None for a function inlined there.
        sp, returns: Addresses, as WinDbg writes them.
        place: Where it is.
        source: File and line, or nothing.
        trust: One of the words of the legend.
        args: The words where arguments may lie.
        stranger: Whether its module does not come with Windows.
    """

    number: int | None
    sp: str
    returns: str
    place: str
    source: str
    trust: str
    args: str
    stranger: bool


def frame_rows(report: Document, frames: Json) -> list[Row]:
    """The frames of a stack, with those inlined."""
    strangers = {
        text(module.get("name")) for module in rows(report["modules"]) if plain(module.get("vendor")) != "Microsoft"
    }
    found: list[Row] = []
    for at, frame in enumerate(rows(frames)[:MOST_FRAMES]):
        stranger = text(frame.get("module")) in strangers or bool(plain(frame.get("unloaded_module")))
        found += [_inlined(frame, site, stranger) for site in rows(frame.get("inlines"))]
        found.append(_row(report, at, frame, stranger))
    return found


def _row(report: Document, at: int, frame: JsonObject, stranger: bool) -> Row:
    bits = number(report["file.bits"]) or 64
    returns = plain(frame.get("return_address"))
    return Row(
        number=at,
        sp=address(frame.get("sp"), bits) if plain(frame.get("sp")) else "",
        returns=address(returns, bits) if returns else "",
        place=frame_place(report, frame),
        source=_source(fields(frame.get("source"))),
        trust=trust_of(frame),
        args=" ".join(address(word, bits) for word in strings(frame.get("args"))[:4]),
        stranger=stranger,
    )


def _inlined(frame: JsonObject, site: JsonObject, stranger: bool) -> Row:
    place = f"{text(frame.get('module'))}!{text(site.get('name'))}"
    return Row(None, "(inline)", "", place, _source(site), trust_of(frame), "", stranger)


def _source(site: JsonObject) -> str:
    return f"{text(site['file'])} @ {text(site.get('line'))}" if plain(site.get("file")) else ""


def trust_of(frame: JsonObject) -> str:
    """The frame's trust; `scan`, the least, where it is no word that is known."""
    trust = frame.get("trust")
    return trust if trust in {word for word, _ in LEGEND} else FrameTrust.SCAN.value


def end_words(end: Json) -> str:
    """Why the walk stopped."""
    try:
        return WalkEnd(end).words
    except ValueError:
        return text(plain(end), "")
