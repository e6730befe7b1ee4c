"""What LLVM's tools read out of a PDB: `llvm-pdbutil dump` and `llvm-symbolizer`, parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.symbols.corpus import run

__all__ = ["Frame", "InlinedAt", "Procedure", "Type"]

_RECORD = re.compile(r"^\s*(\d+) \| (S_\w+) \[size = \d+\](?: `(.*)`)?")
_PLACE = re.compile(r"(?:size = (\d+), )?addr = (\d+):(\d+)(?:, code size = (\d+))?")
_ANNOTATION = re.compile(r"^\s+[0-9A-F]+ +(?:code|line|file)")
_INLINEE = re.compile(r"^\s+(0x[0-9A-F]+) \|\s+(\d+) \| (.*) \(")
_CONTRIBUTION = re.compile(r"mod = (\d+), (\d+):(\d+), size = (\d+)")
_RANGE = re.compile(r"^  ([0-9A-F]{4}):([0-9A-F]+)-([0-9A-F]+), line/addr entries = (\d+)$")
_LINE = re.compile(r"(\d+|ASI|NSI) ([0-9A-F]{8})( !)?")
_TYPE = re.compile(r"^\s+(0x[0-9A-F]+) \| (LF_\w+) \[size = \d+\](?: `(.*)`)?")
_MEMBER = re.compile(r"- LF_MEMBER \[name = `(.*)`, Type = (0x[0-9A-F]+)(?: \(.*\))?, offset = (\d+), attrs")


class Procedure(NamedTuple):
    """A symbol of a module: its place, size (None of data) and name."""

    section: int
    offset: int
    size: int | None
    name: str
    module: int


class InlinedAt(NamedTuple):
    """An inline site: its module, the offset of its record, and start, end, line delta of its code."""

    module: int
    at: int
    ranges: list[tuple[int, int, int]]


class Frame(NamedTuple):
    """A row of the frame data, in the order of the columns."""

    rva: int
    size: int
    local: int
    params: int
    prolog: int
    saved: int
    program: str | None


class Type(NamedTuple):
    """A type record: its kind, name and the text below it."""

    number: int
    kind: str
    name: str
    text: str


def dump(path: Path, *options: str) -> list[str]:
    return run(["llvm-pdbutil", "dump", *options, str(path)]).splitlines()


def identity(path: Path) -> str:
    """The GUID, lower-case."""
    (line,) = (line for line in dump(path, "--summary") if "GUID:" in line)
    return line.split("{")[1].rstrip("}").lower()


def publics(path: Path) -> set[tuple[int, int, str]]:
    """Section, offset and name of all public symbols."""
    text = dump(path, "--publics")
    return {(place.section, place.offset, place.name) for place in _placed(text, ("S_PUB32",))}


def procedures(path: Path) -> list[Procedure]:
    """Procedures, thunks and static variables of all modules."""
    return list(_placed(dump(path, "--symbols"), ("S_GPROC32", "S_LPROC32", "S_THUNK32", "S_LDATA32")))


def _placed(text: list[str], kinds: tuple[str, ...]) -> Iterator[Procedure]:
    name, module = None, -1
    for line in text:
        if line.lstrip().startswith("Mod "):
            module = int(line.split()[1])
        record = _RECORD.match(line)
        if record:
            name = record[3] if record[2] in kinds else None
        place = _PLACE.search(line) if name is not None else None
        if name is not None and place:
            size = place[1] or place[4]
            yield Procedure(int(place[2]), int(place[3]), None if size is None else int(size), name, module)
            name = None


def inline_sites(path: Path) -> list[InlinedAt]:
    """What each inline site of all modules says about code and lines."""
    found: list[InlinedAt] = []
    module, at, line, begun = -1, 0, 0, None
    for text in dump(path, "--symbols"):
        record = _RECORD.match(text)
        if text.lstrip().startswith("Mod "):
            module = int(text.split()[1])
        elif record:
            at, line, begun = int(record[1]), 0, None
            if record[2] == "S_INLINESITE":
                found.append(InlinedAt(module, at, []))
        elif found and found[-1][:2] == (module, at) and _ANNOTATION.match(text):
            line = int(m[1]) if (m := re.search(r"line (-?\d+)", text)) else line
            for word, place in re.findall(r"code (end )?0x([0-9A-F]+)", text):
                if begun and begun[0] < int(place, 16):
                    found[-1].ranges.append((begun[0], int(place, 16), begun[1]))
                begun = None if word else (int(place, 16), line)
    return found


def inlinees(path: Path) -> dict[tuple[int, int], tuple[str, int]]:
    """File and first line of inlined functions, by module and item."""
    found, module = {}, -1
    for text in dump(path, "--il"):
        row = _INLINEE.match(text)
        if text.lstrip().startswith("Mod "):
            module = int(text.split()[1])
        elif row:
            found[module, int(row[1], 16)] = (row[3], int(row[2]))
    return found


def contributions(path: Path) -> list[tuple[int, int, int, int]]:
    """Module, section, offset and size of each section contribution."""
    found = map(_CONTRIBUTION.search, dump(path, "--section-contribs"))
    return [(int(m[1]), int(m[2]), int(m[3]), int(m[4])) for m in found if m]


def lines(path: Path) -> Iterator[tuple[int, int, str, int | None]]:
    """Section, offset, file and line (None: not to be shown) of all lines."""
    file = section = ""
    for line in dump(path, "-l"):
        code = _RANGE.match(line)
        if code:
            section = code[1]
        elif line.startswith("  ") and section:
            for number, offset, _ in _LINE.findall(line):
                yield int(section, 16), int(offset, 16), file, int(number) if number.isdigit() else None
        elif " (" in line and not line.startswith("Mod "):
            file, section = line.rpartition(" (")[0], ""


def frames(path: Path) -> tuple[list[Frame], list[Frame]]:
    """FPO_DATA and FRAMEDATA."""
    old: list[Frame] = []
    new: list[Frame] = []
    for line in dump(path, "--fpo"):
        cells = [cell.strip() for cell in line.split(" | ")]
        if not re.fullmatch("[0-9A-F]{8}", cells[0]):
            continue
        rva, numbers = int(cells[0], 16), [int(cell) for cell in cells[1:7] if cell.isdigit()]
        if len(cells) > 9:
            size, local, params, _, prolog, saved = numbers
            new.append(Frame(rva, size, local, params, prolog, saved, cells[-1].strip()))
        else:
            size, local, params, prolog, saved = numbers
            old.append(Frame(rva, size, 4 * local, 4 * params, prolog, 4 * saved, None))
    return old, new


def types(path: Path) -> dict[int, Type]:
    """All type records by index."""
    found: dict[int, Type] = {}
    index, kind, name, text = 0, "", "", [""]
    for line in [*dump(path, "--types"), "  0xFFFFFFFF | LF_END [size = 0]"]:
        head = _TYPE.match(line)
        if head:
            found[index] = Type(index, kind, name, "\n".join(text))
            index, kind, name, text = int(head[1], 16), head[2], head[3] or "", []
        else:
            text.append(line.strip())
    return found


def members(record: Type) -> list[tuple[str, int, int]]:
    """Name, offset and type index of the members in a field list."""
    return [(m[1], int(m[3]), int(m[2], 16)) for m in map(_MEMBER.match, record.text.splitlines()) if m]


def symbolized(image: Path, rvas: Iterable[int]) -> list[list[dict[str, object]]]:
    """For each address what `llvm-symbolizer` says, innermost function first: FunctionName, FileName, Line."""
    command = ["llvm-symbolizer", f"--obj={image.name}", "--relative-address", "--inlines", "--output-style=JSON"]
    text = run(command, image.parent, "".join(f"{rva:#x}\n" for rva in rvas))
    return [json.loads(line)["Symbol"] for line in text.splitlines()]
