"""Whole, damaged, or no dump at all."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.checking.verdict import FileState, check, state
from smalldump.model.records import Finding, Severity
from tests.synth import Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump

WHOLE, DAMAGED, NOT_A_DUMP = FileState.WHOLE, FileState.DAMAGED, FileState.NOT_A_DUMP
DUMPS = (x64_dump(), kernel_written_dump(), x86_dump(), arm64_dump(), win2000_dump())
ids = ["x64", "kernel", "x86", "arm64", "win2000"]


@pytest.mark.parametrize("dump", DUMPS, ids=ids)
def test_whole_dumps(dump: Dump) -> None:
    result = check(memoryview(dump.bytes), "a.dmp")
    assert (result.state, result.name, result.size) == (WHOLE, "a.dmp", len(dump))
    assert result.dump is not None
    assert {"bug check", "registers", "call stack"} < set(result.readable)
    assert f"{len(dump.facts.drivers)} loaded drivers" in result.readable


def test_empty_file() -> None:
    result = check(memoryview(b""))
    assert (result.state, result.dump, result.readable) == (NOT_A_DUMP, None, ())
    assert [(finding.code, finding.offset) for finding in result.findings] == [("empty-file", 0)]


@pytest.mark.parametrize("size", [1, 8, 0x2000, 0x30000])
def test_all_zero(size: int) -> None:
    (finding,) = check(memoryview(bytes(size))).findings
    assert (finding.code, finding.severity, finding.offset) == ("all-zero", Severity.ERROR, 0)
    assert f"all {size:,} bytes" in finding.message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"MZ\x90\0" + bytes(0x3000), "found 4d 5a 90 00 00 00 00 00"),
        (b"MDMP" + bytes(0x3000), "a user-mode minidump"),
        (bytes(0x2000) + b"late", "first byte that is not zero is at 0x2000"),
        (b"PAGE", "found `PAGE`"),
    ],
)
def test_wrong_signature(data: bytes, words: str) -> None:
    result = check(memoryview(data))
    (finding,) = result.findings
    assert (result.state, finding.code, finding.offset) == (NOT_A_DUMP, "wrong-signature", 0)
    assert words in finding.message
    assert "offset" not in finding.message  # it has a place of its own


@pytest.mark.parametrize(("dump", "offset"), [(DUMPS[0], 0xF98), (DUMPS[2], 0xF88)], ids=["64-bit", "32-bit"])
@pytest.mark.parametrize(("kind", "words"), [(3, "header only"), (7, "automatic memory dump"), (99, "unknown kind")])
def test_wrong_dump_type_is_named(dump: Dump, offset: int, kind: int, words: str) -> None:
    result = check(memoryview(dump.patch("DUMP_HEADER.DumpType", kind).bytes))
    (finding,) = result.findings
    assert (result.state, finding.code, finding.offset) == (NOT_A_DUMP, "wrong-dump-type", offset)
    assert words in finding.message


def test_file_that_ends_before_the_bug_check() -> None:
    result = check(memoryview(DUMPS[0].bytes[:0x40]))
    assert (result.state, result.dump) == (DAMAGED, None)
    assert [(finding.code, finding.offset) for finding in result.findings] == [("header-cut", 0x40)]


def test_header_alone_still_tells_the_bug_check_and_the_registers() -> None:
    result = check(memoryview(DUMPS[0].damaged("header only").bytes))
    assert (result.state, result.readable) == (DAMAGED, ("bug check", "registers"))


def test_what_a_cut_leaves_is_readable() -> None:
    result = check(memoryview(DUMPS[0].truncated("drivers").bytes))
    assert result.state is DAMAGED
    assert result.readable == (
        "bug check",
        "registers",
        "call stack",
        "processor",
        "process",
        "thread",
        "debugger data block",
        "5 unloaded drivers",
    )


@pytest.mark.parametrize("severities", list(product(Severity, repeat=2)))
def test_only_errors_are_damage(severities: tuple[Severity, Severity]) -> None:
    found = [Finding("some-code", severity, "a message") for severity in severities]
    assert state(found) is (DAMAGED if Severity.ERROR in severities else WHOLE)
    assert state([]) is WHOLE


@given(st.binary(max_size=0x300), st.sampled_from([b"", b"PAGEDU64", b"PAGEDUMP"]))
def test_check_takes_any_bytes(data: bytes, start: bytes) -> None:
    result = check(memoryview(start + data))
    assert (result.state is NOT_A_DUMP) == (not start)
    assert result.findings


@given(st.data())
def test_check_takes_any_noise_in_a_dump(data: st.DataObject) -> None:
    dump = DUMPS[data.draw(st.integers(0, len(DUMPS) - 1))]
    noise = data.draw(st.lists(st.tuples(st.integers(8, len(dump) - 0x10), st.binary(min_size=1, max_size=0x10))))
    changed = bytearray(dump.bytes)
    for offset, piece in noise:
        changed[offset : offset + len(piece)] = piece
    assert check(memoryview(bytes(changed))).size == len(dump)
