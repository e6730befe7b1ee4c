"""A 64-bit machine in 64 KB: the check recognises it and says what is shortened."""

from __future__ import annotations

import pytest

from smalldump.checking import FileState, check
from smalldump.compose import compose
from smalldump.model import Finding, Severity
from smalldump.sources.builder import SnapshotBuilder
from smalldump.sources.small import SmallDump
from smalldump.writer import MODERN
from tests.synth import arm64_dump, x64_dump


def shortened(data: bytes) -> list[Finding]:
    """The findings about structures that end early; the file must be whole."""
    result = check(memoryview(data))
    assert result.state is FileState.WHOLE
    return [finding for finding in result.findings if "shortened" in finding.code]


def in_64_kb(data: bytes) -> bytes:
    return compose(SmallDump(memoryview(data)), profile=MODERN, size=65_536).data()


def test_x64() -> None:
    (finding,) = shortened(in_64_kb(x64_dump().bytes))
    assert (finding.code, finding.severity) == ("shortened-by-writer", Severity.INFO)
    assert finding.message.startswith("the writer kept 0x700 of 0xaf00 bytes of the KPRCB to save room; not in it: ")
    assert {"vendor", "frozen"} <= set(finding.message.partition("not in it: ")[2].split(", "))


def test_arm64() -> None:
    machine = SmallDump(memoryview(arm64_dump().bytes))
    data = compose(machine, profile=MODERN, size=40_000).data()
    (finding,) = shortened(data)
    assert "kept 0x8b0 of 0x9680 bytes" in finding.message


def test_nothing_is_said_where_the_structure_is_whole() -> None:
    data = compose(SnapshotBuilder(comment="KPRCB of 0xaf00 bytes shortened to 0x700").build(), profile=MODERN).data()
    assert shortened(data) == []


@pytest.mark.parametrize(
    "comment",
    [b"other\0", b"KPRCB of 0xaf00 bytes shortened to 0x780\0", b"KPRCB of 0x600 bytes shortened to 0x700\0"],
)
def test_without_the_right_note_the_writer_is_not_believed(comment: bytes) -> None:
    data = bytearray(in_64_kb(x64_dump().bytes))
    data[0xFB0 : 0xFB0 + len(comment)] = comment
    (finding,) = shortened(bytes(data))
    assert finding.code == "structure-shortened"
