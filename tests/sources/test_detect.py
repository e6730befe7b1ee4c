"""Which source reads a file."""

from __future__ import annotations

import pytest

from smalldump.errors import NotADump, UnsupportedFormat
from smalldump.layout.dump import DumpType
from smalldump.sources.big import BigDump
from smalldump.sources.detect import SOURCES, open_snapshot
from smalldump.sources.small import SmallDump
from tests.synth import Dump, x64_dump, x86_dump


@pytest.mark.parametrize("dump", [x64_dump(), x86_dump()], ids=["64-bit", "32-bit"])
def test_small_dumps_by_their_signature(dump: Dump) -> None:
    snapshot = open_snapshot(memoryview(dump.bytes), "a.dmp")
    assert isinstance(snapshot, SmallDump)
    assert snapshot.name == "a.dmp"


def test_other_bytes_are_no_dump() -> None:
    with pytest.raises(NotADump):
        open_snapshot(memoryview(b"hello, world" * 100), "a.dmp")


@pytest.mark.parametrize("kind", [1, 2, 5, 6, 8, 9, 10])
def test_a_big_dump_is_told_apart(kind: int) -> None:
    dump = open_snapshot(memoryview(x64_dump().patch("DUMP_HEADER.DumpType", kind).bytes), "a.dmp")
    assert isinstance(dump, BigDump)
    assert dump.kind == DumpType(kind).words


def test_a_dump_of_another_kind_is_named() -> None:
    dump = x64_dump().patch("DUMP_HEADER.DumpType", 3)
    with pytest.raises(UnsupportedFormat, match="header only"):
        open_snapshot(memoryview(dump.bytes), "a.dmp")


def test_release_is_called_on_leaving() -> None:
    released = []
    with open_snapshot(memoryview(x64_dump().bytes), "a.dmp", lambda: released.append(1)) as snapshot:
        assert snapshot.bug_check
        assert not released
    assert released == [1]


def test_no_signature_begins_like_another() -> None:
    signatures = [signature for signature, _ in SOURCES]
    assert not [(a, b) for a in signatures for b in signatures if a is not b and a.startswith(b)]
