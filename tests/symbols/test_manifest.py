"""Manifests: what is written is read again; what is malformed is said with its line."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import FormatError
from smalldump.symbols.manifest import manifest_lines, read_manifest
from smalldump.symbols.wanted import Wanted, WantedImage, WantedPdb
from tests.symbols.files import GUID

TITLE = '{"manifest": "smalldump-symbols", "version": 1}'
WANTED: list[Wanted] = [
    WantedImage("a.sys", 0xBEEF, 0xC1A0),
    WantedPdb("a.pdb", GUID, 10),
    WantedPdb("old.pdb", "3b7d8453", 1),
]


def test_there_and_back() -> None:
    lines = list(manifest_lines([*WANTED, WANTED[0]]))
    assert lines[0] == TITLE
    assert json.loads(lines[1]) == {
        "kind": "image",
        "name": "a.sys",
        "timestamp": "0x0000beef",
        "size": "0xc1a0",
        "key": "a.sys/0000BEEFc1a0/a.sys",
    }
    assert read_manifest("\n".join(lines).encode()) == WANTED
    assert read_manifest("\r\n\r\n".join(lines).encode()) == WANTED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no manifest of smalldump: expected line 1 to be"),
        ("[]", "no manifest of smalldump"),
        ("PAGEDU64", "no manifest of smalldump"),
        (TITLE.replace("1}", "2}"), "another version: expected 1, found 2"),
        (f"{TITLE}\nnothing", "line 2 of the manifest is neither"),
        (f"{TITLE}\n\n" + '{"kind": "image", "name": "a", "timestamp": 7, "size": "1"}', "line 3 of the manifest"),
        (TITLE + '\n{"kind": "pdb", "name": "a", "guid": "", "age": true}', "line 2 of the manifest"),
        (TITLE + '\n{"kind": "pdb", "name": "a", "guid": "../..", "age": 1}', "names what no symbol store can have"),
        (TITLE + '\n{"kind": "image", "name": "..", "timestamp": "1", "size": "1"}', "names what no symbol store"),
        (TITLE + "\n" + "[" * 100_000, "line 2 of the manifest"),
        ("\n" * 100_001, "too large"),
    ],
)
def test_mistakes_are_told(text: str, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        read_manifest(text.encode())


@given(st.binary(max_size=80))
def test_any_bytes(data: bytes) -> None:
    with suppress(FormatError):
        assert read_manifest(TITLE.encode() + b"\n" + data) == []
