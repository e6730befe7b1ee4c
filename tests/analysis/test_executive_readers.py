"""Objects that a bug check points to: headers and type names, at literal offsets (public symbols)."""

from __future__ import annotations

import struct

import pytest

from smalldump.analysis import analyse
from smalldump.analysis.stop_object import StopObject
from smalldump.model import BugCheck
from smalldump.sources.builder import SnapshotBuilder

TYPE, OBJECT, NAME = 0xFFFFC00000001000, 0xFFFFC00000002030, 0xFFFFC00000003000


def read(memory: dict[int, bytes], build: int = 7601) -> tuple[StopObject, ...]:
    stop = BugCheck(0x18, (TYPE, OBJECT, 2, 0))
    return analyse(SnapshotBuilder(bug_check=stop, memory=memory, build_number=build).build()).objects


def header() -> bytes:
    data = bytearray(0x30)
    struct.pack_into("<qq", data, 0, -1, 3)
    data[0x18] = 28
    return bytes(data)


def name() -> dict[int, bytes]:
    text = "File".encode("utf-16-le")
    return {TYPE: bytes(0x10) + struct.pack("<HHIQ", len(text), len(text), 0, NAME), NAME: text}


def told(found: StopObject) -> dict[str, str]:
    return dict(found.facts)


def test_an_object_that_was_released_too_often() -> None:
    kind, found = read({OBJECT - 0x30: header(), **name()})
    assert (kind.kind, told(kind), kind.parameter) == ("object_type", {"name": "File"}, 1)
    assert (found.kind, found.parameter) == ("object", 2)
    assert told(found) == {"references": "-1", "handles": "3", "type index": "28"}


def test_since_windows_10_the_type_index_is_a_secret() -> None:
    assert told(read({OBJECT - 0x30: header()}, build=19041)[1]) == {"references": "-1", "handles": "3"}


@pytest.mark.parametrize("build", [7601, 2600])
def test_what_cannot_be_read_is_said(build: int) -> None:
    memory = {} if build == 7601 else {OBJECT - 0x30: header(), **name()}
    for found in read(memory, build):
        assert found.facts == ()
        assert found.missing
