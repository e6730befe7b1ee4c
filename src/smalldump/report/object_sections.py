"""The bug check's own objects: as a section of the report, and that section as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smalldump.analysis.objects import StopObject
from smalldump.report.document import Document
from smalldump.report.shown import address as shown_address
from smalldump.report.shown import paragraph, plain, text
from smalldump.report.values import Json, JsonObject, address

__all__ = ["driver_lines", "object_lines", "objects_section"]

_DEEPEST = 8
_HARDWARE = ("whea_error_record", "machine_check")


def objects_section(objects: Sequence[StopObject]) -> list[Json]:
    """`objects`: what the parameters point to, and what that leads to."""
    return [_object(each) for each in objects]


def _object(found: StopObject) -> JsonObject:
    return {
        "kind": found.kind,
        "address": address(found.address),
        "parameter": found.parameter,
        "driver": found.driver,
        "facts": [{"name": fact.name, "value": fact.value} for fact in found.facts],
        "children": [_object(child) for child in found.children],
        "missing": found.missing,
    }


def driver_lines(report: Document) -> Iterator[str]:
    """One line for each object of a parameter that names a driver or a failing unit of the hardware."""
    for found in plain(report["objects"]) or ():
        if found["kind"] in _HARDWARE:
            yield from _hardware_lines(found)
        if found.get("driver"):
            kind = _kind(found)
            yield f"{kind} of parameter {text(found.get('parameter'))}: leads to {text(found['driver'])}"


def _hardware_lines(found: JsonObject) -> Iterator[str]:
    for fact in found.get("facts", ()):
        if fact["name"] == "error":
            words = text(fact["value"])
            yield words[:1].upper() + words[1:]


def object_lines(report: Document, width: int) -> list[str]:
    """All objects with all that they tell, each below the one that leads to it."""
    bits = report["file.bits"] or 64
    return [line for found in plain(report["objects"]) or () for line in _lines(found, width, bits, 0)]


def _lines(found: JsonObject, width: int, bits: int, depth: int) -> Iterator[str]:
    indent = "  " * depth
    origin = f" (parameter {text(found['parameter'])})" if found.get("parameter") else ""
    yield from paragraph(f"{_kind(found)} {shown_address(found['address'], bits)}{origin}", width, indent)
    for fact in found.get("facts", ()):
        yield from paragraph(f"{text(fact['name'])}: {text(fact['value'])}", width, indent + "  ", indent + "    ")
    children = found.get("children", ()) if depth < _DEEPEST else ()
    if found.get("missing") and not any(child.get("missing") == found["missing"] for child in children):
        yield from paragraph(text(found["missing"]), width, indent + "  ", indent + "    ")
    for child in children:
        yield from _lines(child, width, bits, depth + 1)


def _kind(found: JsonObject) -> str:
    return text(found["kind"]).upper()
