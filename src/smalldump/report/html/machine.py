"""Registers, process, thread, processor and Windows of a page, and what the bug check's own objects say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from smalldump.report.document import Document
from smalldump.report.html.reading import fields, number, rows, why_absent
from smalldump.report.labels import label, microsoft_name, value_words
from smalldump.report.shown import address, plain, text, uptime
from smalldump.report.values import Json, JsonObject

__all__ = ["Card", "Object", "cards_of", "objects_of", "registers_of"]

MOST_FIELDS = 200
MOST_OBJECTS = 100
DEEPEST = 6

_CONTEXTS = {"crash": "Of the code that failed", "prcb": "Of the PRCB", "header": "In the dump header"}
_NO_REGISTERS = ("found_in", "address", "source")
_DIGITS = dict.fromkeys(("xmm", "st", "v"), 32)
_DIGITS |= dict.fromkeys(("cs", "ss", "ds", "es", "fs", "gs"), 4)
_DIGITS |= dict.fromkeys(("efl", "mxcsr", "cpsr", "fpcr", "fpsr", "fpcw", "fpsw", "fptw"), 8)
_CARDS: dict[str, tuple[str, Callable[[str], str]]] = {
    "process": ("Process", label),
    "thread": ("Thread", label),
    "processor": ("Processor", label),
    "system": ("Windows and machine", label),
    "header": ("Dump header", label),
    "mm": ("Memory counters", microsoft_name),
    "debugger_data": ("Debugger data block", microsoft_name),
}


class Card(NamedTuple):
    """Named values under a title.

    Attributes:
        title: Of the card.
        pairs: Label and value, of which nothing is empty.
        lacking: Labels of what is not in the dump, with the reason.
        absent: Why there is nothing at all, or None.
    """

    title: str
    pairs: list[tuple[str, str]]
    lacking: list[tuple[str, str]]
    absent: Json


class Object(NamedTuple):
    """An object that the bug check is about, how deep it lies under the first, and what is known of it."""

    depth: int
    title: str
    pairs: list[tuple[str, str]]
    missing: str


def cards_of(report: Document) -> list[Card]:
    """Process, thread, processor, machine and what the kernel's variables say."""
    found = []
    for name, (title, called) in _CARDS.items():
        values = dict(fields(report[name]))
        if name == "header":
            values |= {"uptime": uptime(report["crash.uptime_s"])} if plain(report["crash.uptime_s"]) else {}
        card = _card(report, title, values, called, report[name])
        if card.pairs or card.absent:
            found.append(card)
    return found


def registers_of(report: Document) -> list[Card]:
    """The sets of registers that the dump holds, those of the failing code first."""
    contexts, found = fields(report["contexts"]), []
    for name, title in _CONTEXTS.items():
        context = contexts.get(name)
        values = fields(context)
        place = f" ({text(values['found_in'])})" if plain(values.get("found_in")) else ""
        digits = (number(report["file.bits"]) or 64) // 4
        pairs = [(each, _register(each, value, digits)) for each, value in list(values.items())[:MOST_FIELDS]]
        shown = [(text(each), value) for each, value in pairs if each not in _NO_REGISTERS]
        if shown or why_absent(context):
            found.append(Card(title + place, shown, [], why_absent(context)))
    return found


def _register(name: str, value: Json, digits: int) -> str:
    held = number(value)
    if held is None or held < 0:
        return text(value)
    return f"{held:0{_DIGITS.get(name.rstrip('0123456789'), digits)}x}"


def _card(report: Document, title: str, values: JsonObject, called: Callable[[str], str], whole: Json) -> Card:
    bits = number(report["file.bits"]) or 64
    pairs, lacking = [], []
    for name, value in list(values.items())[:MOST_FIELDS]:
        if why_absent(value):
            lacking.append((called(name), text(value)))
        elif value not in (None, [], {}):
            pairs.append((called(name), value_words(name, value, bits)))
    return Card(title, pairs, lacking, why_absent(whole))


def objects_of(report: Document) -> list[Object]:
    """The objects that the bug check's parameters lead to, each before what it leads to itself."""
    bits = number(report["file.bits"]) or 64
    return [each for each, _ in zip(_objects(report["objects"], bits, 0), range(MOST_OBJECTS), strict=False)]


def _objects(found: Json, bits: int, depth: int) -> Iterator[Object]:
    for each in rows(found) if depth < DEEPEST else ():
        at = f" at {address(each['address'], bits)}" if plain(each.get("address")) else ""
        parameter = f" (parameter {text(each['parameter'])})" if plain(each.get("parameter")) else ""
        title = text(each.get("kind"), "object").replace("_", " ") + at + parameter
        pairs = [(text(fact.get("name")), text(fact.get("value"))) for fact in rows(each.get("facts"))[:MOST_FIELDS]]
        yield Object(depth, title, pairs, text(plain(each.get("missing")), ""))
        yield from _objects(each.get("children"), bits, depth + 1)
