"""Modules and unloaded drivers of a page, those that do not come with Windows marked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from smalldump.escape import shortened
from smalldump.knowledge.drivers import made_by
from smalldump.report.document import Document
from smalldump.report.html.reading import number, rows, why_absent
from smalldump.report.shown import address, is_absent, plain, text
from smalldump.report.values import Json, JsonObject

__all__ = ["MOST_MODULES", "Modules", "Row", "modules_of", "unloaded_of"]

MOST_MODULES = 1_000
_LONGEST_PATH = 160


class Row(NamedTuple):
    """A module, or an unloaded driver, of a table.

    Attributes:
        name, start, end, stamp, maker, path: As they are shown.
        size: In bytes, or None.
        stranger: Whether it does not come with Windows.
        marks: `culprit`, `on the stack`.
    """

    name: str
    start: str
    end: str
    size: int | None
    stamp: str
    maker: str
    path: str
    stranger: bool
    marks: list[str]


class Modules(NamedTuple):
    """A table of modules: as many as are shown, how many there are, and why there are none."""

    shown: list[Row]
    total: int
    strangers: int
    absent: Json


def modules_of(report: Document) -> Modules:
    """The loaded modules, in load order; of too many those that do not come with Windows first."""
    found = rows(report["modules"])
    stacked = {text(frame.get("module")) for name in ("stack", "dispatch") for frame in rows(report[name])}
    blamed = report["verdict.culprit.module"]
    ordered = found if len(found) <= MOST_MODULES else sorted(found, key=lambda module: not _is_stranger(module))
    shown = [_row(report, module, stacked, blamed) for module in ordered[:MOST_MODULES]]
    return Modules(shown, len(found), sum(map(_is_stranger, found)), why_absent(report["modules"]))


def unloaded_of(report: Document) -> Modules:
    """The unloaded drivers, the most recent first."""
    found = rows(report["unloaded_modules"])
    shown = [_row(report, module, set(), None) for module in found[:MOST_MODULES]]
    return Modules(shown, len(found), 0, why_absent(report["unloaded_modules"]))


def _is_stranger(module: JsonObject) -> bool:
    return bool(plain(module.get("vendor")) != "Microsoft")


def _row(report: Document, module: JsonObject, stacked: set[str], blamed: Json) -> Row:
    bits, name = number(report["file.bits"]) or 64, text(module.get("name"))
    marks = ["culprit"] if blamed and module.get("name") == blamed else []
    return Row(
        name=name + (" (perhaps cut)" if module.get("truncated_name") is True else ""),
        start=_address(module.get("base"), bits),
        end=_address(module.get("end"), bits),
        size=number(module.get("size")),
        stamp=_stamp(module),
        maker=_maker(module),
        path=shortened(text(plain(module.get("path")) or plain(module.get("file")), ""), _LONGEST_PATH),
        stranger=_is_stranger(module),
        marks=marks + (["on the stack"] if name in stacked else []),
    )


def _address(value: Json, bits: int) -> str:
    return "" if value is None else address(value, bits)


def _maker(module: JsonObject) -> str:
    vendor = plain(module.get("vendor"))
    if not vendor:
        return ""
    return made_by(text(vendor), text(plain(module.get("product")) or plain(module.get("role")), "").replace("_", " "))


def _stamp(module: JsonObject) -> str:
    stamp = module.get("timestamp")
    if is_absent(stamp):
        return text(stamp)
    value = number(stamp)
    if value is None or not 0 <= value < 1 << 32:
        return ""
    if module.get("timestamp_kind") == "link time":
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d")
    return f"{value:08x} (hash?)"
