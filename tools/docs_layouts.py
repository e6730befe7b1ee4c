"""The reference page of binary layouts: every record with its fields, and the structure fields by build."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import smalldump.layout
from smalldump.layout import builds
from smalldump.layout.record import Field, Record
from tools.docs_markdown import code, heading, page, paragraphs, table

__all__ = ["layouts_page", "records"]

_TYPES = {"B": "u8", "H": "u16", "I": "u32", "Q": "u64", "q": "i64"}
_KINDS = {"_Guid": "GUID", "_Utf16": "UTF-16"}

_ABOUT = """
Every binary structure that smalldump reads is declared once, in `src/smalldump/layout`; this page is made of those
declarations. Offsets and sizes are hexadecimal bytes, integers are little-endian, names are Microsoft's in snake_case.
Bytes that no row names are padding or unknown.
"""
_MACHINES = {"X86": "x86", "X64": "x64"}


def layouts_page() -> str:
    """The page."""
    modules = [module for module in _modules() if records(module)]
    parts = [paragraphs(_ABOUT)]
    for module in modules:
        parts += _module_parts(module)
    return page("Binary layouts", "`src/smalldump/layout`", [*parts, *_builds_parts()])


def records(module: ModuleType) -> list[type[Record]]:
    """The records that a module declares, in its order."""
    found = [each for each in vars(module).values() if inspect.isclass(each) and issubclass(each, Record)]
    return [each for each in found if each.__module__ == module.__name__ and each is not Record]


def _modules() -> Iterator[ModuleType]:
    names = sorted(info.name for info in pkgutil.iter_modules(smalldump.layout.__path__))
    order = ["dump", "triage", "debugger_data", "context", "blobs"]
    for name in [*order, *(name for name in names if name not in order)]:
        yield import_module(f"smalldump.layout.{name}")


def _module_parts(module: ModuleType) -> list[str]:
    parts = [heading(2, code(module.__name__.removeprefix("smalldump."))), paragraphs(inspect.getdoc(module) or "")]
    for record in records(module):
        parts += [
            heading(3, code(record.__name__)),
            f"{paragraphs(inspect.getdoc(record) or '')}\n\nSize: {record.SIZE:#x} bytes.",
            table(["Offset", "Size", "Field", "Type", "Meaning"], map(_row, record.FIELDS), right=(0, 1)),
        ]
    return parts


def _row(field: Field[Any]) -> tuple[str, ...]:
    return f"{field.offset:X}", f"{field.size:X}", code(field.name), _type(field), field.doc


def _type(field: Field[Any]) -> str:
    known = _KINDS.get(type(field).__name__)
    if known:
        return known
    count, letter = field.code[:-1], field.code[-1]
    if letter == "s":
        return "bytes"
    return f"{_TYPES[letter]}[{count}]" if count else _TYPES[letter]


def _builds_parts() -> Iterator[str]:
    yield heading(2, "Kernel structures by build")
    yield paragraphs(f"{inspect.getdoc(builds) or ''} Offsets are hexadecimal.")
    for machine, structure in builds._TABLES:
        rows = builds._rows(machine, structure)
        names = list(dict.fromkeys(name for _, _, offsets in rows for name in offsets))
        yield heading(3, f"{code(structure)} on {_MACHINES.get(machine.name, machine.name)}")
        yield table(["Builds", *names], (_build_row(row, names) for row in rows), right=range(1, len(names) + 1))


def _build_row(row: tuple[int, int, dict[str, int]], names: list[str]) -> list[str]:
    first, last, offsets = row
    span = str(first) if first == last else f"{first} to {last}"
    return [span, *(f"{offsets[name]:X}" if name in offsets else "-" for name in names)]
