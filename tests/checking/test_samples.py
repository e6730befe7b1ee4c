"""What the sample dumps are found to be: real ones and those that Microsoft's engine wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smalldump.checking.claims import file_layout
from smalldump.checking.content import Content
from smalldump.checking.verdict import CheckResult, FileState, check
from smalldump.model.records import Severity
from smalldump.sources.small import SmallDump
from tests.checking.test_claims import assert_partition

EMPTY, ZEROS = "e3b0c44298fc", "053b3e0d46f9"
NOTABLE = {
    "3a379fd875c4": {"insufficient-dump-file-size", "stale-tail"},
    "db7cd1d63776": {"stale-tail"},
    EMPTY: {"empty-file"},
    ZEROS: {"all-zero"},
}
ENGINE_WARNINGS = {
    "win10_x64_19041_cut": {"writer-status"},
    "win10_x64_19041_loop": {"drivers-repeated"},
    "win10_x64_19041_nocontext": {"processor-context-missing"},
    "win7_sp1_7601": {"processor-context-missing"},
    "win7_sp1_7601_badlist": {"writer-status"},
}
OVERFLOWED = {"win10_x64_19041_loop": 358, "win10_x64_19041_overflow": 452, "xp_sp3_2600_overflow": 455}


def checked(folder: Path, pattern: str) -> Iterator[CheckResult]:
    """The verdicts on all files of a folder."""
    for path in sorted(folder.glob(pattern)):
        yield check(memoryview(path.read_bytes()), path.name.partition(".")[0])


def test_real_dumps_are_whole_and_their_warnings_are_known(samples: Path) -> None:
    results = list(checked(samples / "dumps", "*.dmp"))
    assert len(results) == 23
    for result in results:
        notable = {finding.code for finding in result.findings if finding.severity is not Severity.INFO}
        assert notable == NOTABLE.get(result.name, set()), result.name
        gone = result.name in (EMPTY, ZEROS)
        assert result.state is (FileState.NOT_A_DUMP if gone else FileState.WHOLE), result.name
        assert gone or {"bug check", "registers", "call stack", "processor", "thread"} < set(result.readable)


def test_real_dumps_say_no_more_than_that_headers_were_paged_out(samples: Path) -> None:
    infos = {f.code for r in checked(samples / "dumps", "*.dmp") for f in r.findings if f.severity is Severity.INFO}
    assert infos == {"drivers-paged-out"}


def test_engine_written_dumps_are_whole(samples: Path) -> None:
    results = list(checked(samples / "engine-written", "*.small.dmp"))
    assert len(results) == 22
    for result in results:
        warnings = {finding.code for finding in result.findings if finding.severity is Severity.WARNING}
        assert result.state is FileState.WHOLE, result.name
        assert warnings == ENGINE_WARNINGS.get(result.name, set()), result.name


def test_overflowed_engine_written_dumps_count_the_drivers_that_were_left_out(samples: Path) -> None:
    messages = {
        result.name: finding.message
        for result in checked(samples / "engine-written", "*.small.dmp")
        for finding in result.findings
        if finding.code == "writer-overflowed"
    }
    assert set(messages) == set(OVERFLOWED)
    assert all(f"{count} drivers are left out" in messages[name] for name, count in OVERFLOWED.items())


def test_missing_processor_contexts_are_those_over_which_microsofts_engine_stumbled(samples: Path) -> None:
    folder = samples / "engine-written"
    found = {
        result.name
        for result in checked(folder, "*.small.dmp")
        if any(finding.code == "processor-context-missing" for finding in result.findings)
    }
    stumbled = {
        path.name.partition(".")[0]
        for path in folder.glob("*.small.txt")
        if "GetContextState failed" in path.read_text(encoding="utf-8", errors="replace")
    }
    assert found == stumbled


@pytest.mark.parametrize(("folder", "pattern"), [("dumps", "*.dmp"), ("engine-written", "*.small.dmp")])
def test_every_byte_of_every_sample_is_accounted_for(samples: Path, folder: str, pattern: str) -> None:
    unclaimed = {}
    for result in checked(samples / folder, pattern):
        if isinstance(result.dump, SmallDump):
            layout = file_layout(result.dump.file)
            assert_partition(layout, result.size)
            assert layout.overlaps == (), result.name
            if layout.unclaimed:
                unclaimed[result.name] = [(piece.end - piece.start, piece.content) for piece in layout.unclaimed]
    # Left-over frames of the writer's own unwind in both 0x100000EA files; zeros before an earlier end marker.
    left_over = {"3dd630b7556b": [(0x3FE8, Content.DATA)], "6af77360bdb5": [(0x3048, Content.DATA)]}
    assert unclaimed == ({**left_over, "db7cd1d63776": [(0xC, Content.ZEROS)]} if folder == "dumps" else {})
