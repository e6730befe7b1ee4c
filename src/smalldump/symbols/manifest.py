"""Manifests: lists of images and PDBs that are wanted, to be carried to a machine that has a network.

One JSON object a line. The first says what the file is; each other one is an image or a PDB:

    {"manifest": "smalldump-symbols", "version": 1}
    {"kind": "image", "name": "hal.dll", "timestamp": "0xba287884", "size": "0x6000", "key": "hal.dll/..."}
    {"kind": "pdb", "name": "hal.pdb", "guid": "12d8d08a-...", "age": 1, "key": "hal.pdb/..."}

`key` is for people and other programs; it is not read back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from smalldump.errors import FormatError
from smalldump.symbols.wanted import Wanted, WantedImage, WantedPdb

__all__ = ["MOST_LINES", "manifest_lines", "read_manifest"]

MOST_LINES = 100_000
"""Lines that a manifest may have."""

_TITLE = {"manifest": "smalldump-symbols", "version": 1}
_LARGEST = 1 << 26


def manifest_lines(wanted: Iterable[Wanted]) -> Iterator[str]:
    """The manifest of these, each once, in their order."""
    yield json.dumps(_TITLE)
    for each in dict.fromkeys(wanted):
        yield json.dumps(_written(each))


def read_manifest(data: bytes) -> list[Wanted]:
    """What a manifest wants, each once.

    Raises:
        FormatError: It is none, or a line is malformed.
    """
    if len(data) > _LARGEST or data.count(b"\n") > MOST_LINES:
        raise FormatError("a manifest that is too large", expected=f"at most {MOST_LINES:,} lines")
    lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
    title = _object(lines[0][1]) if lines else {}
    if title.get("manifest") != _TITLE["manifest"]:
        raise FormatError("no manifest of smalldump", expected=f"line 1 to be {json.dumps(_TITLE)}")
    if title.get("version") != _TITLE["version"]:
        raise FormatError("a manifest of another version", expected="1", found=repr(title.get("version"))[:20])
    return list(dict.fromkeys(_read(number, line) for number, line in lines[1:]))


def _written(wanted: Wanted) -> dict[str, Any]:
    name = wanted.file or wanted.name
    if isinstance(wanted, WantedImage):
        identity: dict[str, Any] = {"timestamp": f"{wanted.timestamp:#010x}", "size": f"{wanted.size:#x}"}
        return {"kind": "image", "name": name, **identity, "key": wanted.key}
    return {"kind": "pdb", "name": name, "guid": wanted.guid, "age": wanted.age, "key": wanted.key}


def _read(number: int, line: bytes) -> Wanted:
    fields = _object(line)
    try:
        if fields["kind"] == "image":
            made: Wanted = WantedImage(_text(fields["name"]), _hex(fields["timestamp"]), _hex(fields["size"]))
        elif fields["kind"] == "pdb" and type(fields["age"]) is int:
            made = WantedPdb(_text(fields["name"]), _text(fields["guid"]), fields["age"])
        else:
            raise ValueError
    except (KeyError, ValueError):
        raise FormatError(f"line {number} of the manifest is neither an image nor a PDB") from None
    if made.parts is None:
        raise FormatError(f"line {number} of the manifest names what no symbol store can have")
    return made


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _hex(value: object) -> int:
    return int(_text(value)[:20], 16)
