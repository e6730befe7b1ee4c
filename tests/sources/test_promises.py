"""What the triage header promises, whether or not the file keeps it."""

from __future__ import annotations

import pytest

from smalldump.layout.triage import DriverEntry32, DriverEntry64, MiTriageStorage32, MiTriageStorage64
from smalldump.sources.promises import Promise, promises
from tests.sources.reading import read
from tests.synth import Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump

ALL = [x64_dump(), kernel_written_dump(), x86_dump(), arm64_dump(), win2000_dump()]
every_dump = pytest.mark.parametrize("dump", ALL, ids=["x64", "kernel", "x86", "ARM64", "Windows 2000"])


def by_name(dump: Dump) -> dict[str, Promise]:
    return {promise.name: promise for promise in read(dump).file.promises}


@every_dump
def test_a_whole_file_keeps_its_promises(dump: Dump) -> None:
    sections = read(dump).file.sections
    for name, promise in by_name(dump).items():
        assert sections[name].offset == promise.offset
        assert promise.size in (0, sections[name].size)
    assert by_name(dump).keys() == sections.keys()


@every_dump
def test_sizes_come_from_counts_and_from_the_debugger_data(dump: Dump) -> None:
    found, wide = by_name(dump), dump.bytes[4:8] == b"DU64"
    assert found["MM block"].size == (MiTriageStorage64 if wide else MiTriageStorage32).SIZE
    assert found["driver list"].size == len(dump.facts.drivers) * (DriverEntry64 if wide else DriverEntry32).SIZE
    for kind, word in (("KPRCB", "size_prcb"), ("EPROCESS", "size_eprocess"), ("ETHREAD", "size_ethread")):
        size = read(dump).file.debugger_words.get(word, 0)
        assert 0 <= found[kind].size - size < 8
        assert found[kind].size % 8 == 0


def test_broken_promises_are_promises() -> None:
    dump = x64_dump().patch("TRIAGE_DUMP.CallStackOffset", 0xFFFFFFF0)
    assert by_name(dump)["call stack"].end > 1 << 32
    assert "call stack" not in read(dump).file.sections


def test_what_has_neither_offset_nor_size_is_not_promised() -> None:
    dump = x64_dump().patch("TRIAGE_DUMP.ThreadOffset", 0)
    assert "ETHREAD" not in by_name(dump)
    assert "data page" not in by_name(dump)
    assert "data page" in by_name(dump.patch("TRIAGE_DUMP.DataPageSize", 8))
    triage = read(dump).file.triage
    assert triage is not None
    assert {promise.offset_field for promise in promises(triage, {})} >= {"prcb_offset", "call_stack_offset"}
