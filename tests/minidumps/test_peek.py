"""The look at headers."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.minidumps.peek import PEEK_BYTES, FileState, HeaderFacts, peek_bytes, peek_file
from smalldump.model import Absent
from tests.synth import Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump

PRESETS = (x64_dump, x86_dump, arm64_dump, kernel_written_dump, win2000_dump)


def facts_of(found: HeaderFacts | Absent) -> HeaderFacts:
    assert isinstance(found, HeaderFacts)
    return found


@pytest.mark.parametrize("make", PRESETS)
def test_what_the_headers_tell(make: object, tmp_path: Path) -> None:
    assert callable(make)
    dump: Dump = make()
    found = peek_file(dump.save(tmp_path, "one.dmp"))
    facts = facts_of(found.facts)
    assert (found.state, found.size, found.why) == (FileState.WHOLE, len(dump), "")
    assert facts.build == dump.facts.windows.build
    assert facts.machine.bits == dump.facts.bits
    assert facts.processors == dump.facts.processors
    assert (facts.bug_check.stored_code, *facts.bug_check.parameters) == dump.facts.bug_check
    assert facts.time == datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=dump.facts.system_time // 10)
    assert facts.primary_size == dump.number("TRIAGE_DUMP.SizeOfDump")
    assert peek_bytes(dump.bytes).state is FileState.WHOLE


def test_only_the_headers_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, asked = x64_dump().save(tmp_path, "one.dmp"), []
    read = os.read

    def counting(descriptor: int, size: int) -> bytes:
        asked.append(size)
        return read(descriptor, size)

    monkeypatch.setattr(os, "read", counting)
    peek_file(path)
    assert asked == [PEEK_BYTES]


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (b"", FileState.EMPTY),
        (bytes(0x3000), FileState.NOT_A_DUMP),
        (b"MDMP" + bytes(0x3000), FileState.NOT_A_DUMP),
        (b"PAGEDU64", FileState.CUT),
        (x64_dump().bytes[:0x1000], FileState.CUT),
        (x64_dump().bytes[:0x2080], FileState.CUT),
        (x64_dump().truncated("marker").bytes, FileState.CUT),
        (x64_dump().patch("DUMP_HEADER.DumpType", 5).bytes, FileState.OTHER_DUMP),
        (x64_dump().patch("TRIAGE_DUMP.SizeOfDump", 0x10).bytes, FileState.DAMAGED),
        (x64_dump().patch("TRIAGE_DUMP.ValidOffset", 0x10).bytes, FileState.DAMAGED),
        (kernel_written_dump().bytes[:-1], FileState.SECONDARY_CUT),
    ],
)
def test_states(data: bytes, state: FileState, tmp_path: Path) -> None:
    path = tmp_path / "one.dmp"
    path.write_bytes(data)
    found = peek_file(path)
    assert found.state is state
    assert found.why
    assert peek_bytes(data).state is state


def test_dbgeng_may_promise_more_than_it_writes(tmp_path: Path) -> None:
    dump = x64_dump().patch("DUMP_HEADER.RequiredDumpSpace", 0x800000)
    assert peek_file(dump.save(tmp_path, "one.dmp")).state is FileState.WHOLE


def test_the_marker_counts_where_all_bytes_are_at_hand() -> None:
    assert peek_bytes(x64_dump().patch("marker", 0).bytes).state is FileState.CUT


def test_what_is_no_file_is_a_state(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.dmp")
    for name in ("pipe.dmp", "missing.dmp", ".", "a\0b"):
        found = peek_file(os.path.join(tmp_path, name))
        assert found.state is FileState.UNREADABLE
        assert found.why


@given(head=st.binary(max_size=0x60), size=st.integers(0, 0x2080))
def test_any_bytes_can_be_looked_at(head: bytes, size: int) -> None:
    for signature in (b"PAGEDU64", b"PAGEDUMP", b""):
        peek_bytes((signature + head * (size // max(len(head), 1) + 1))[:size])


def test_real_dumps(samples: Path) -> None:
    with (samples / "manifest.csv").open(encoding="utf-8") as manifest:
        rows = {row["id"]: row for row in csv.DictReader(manifest)}
    paths = sorted((samples / "dumps").glob("*.dmp"))
    assert paths
    for path in paths:
        row, found = rows[path.stem], peek_file(path)
        if not row["dump_type"]:
            assert found.state in (FileState.EMPTY, FileState.NOT_A_DUMP)
            continue
        facts = facts_of(found.facts)
        assert found.state is FileState.WHOLE
        assert found.size == int(row["bytes"])
        assert facts.bug_check.stored_code == int(row["bug_check"], 16)
        assert facts.build == int(row["build"].rpartition(".")[2])
        assert facts.writer == row["writer"]
