"""A page file that still begins with a dump."""

from __future__ import annotations

from pathlib import Path

import pytest

from smalldump.errors import FormatError, NotADump, SourceUnreadable, Truncated, UnsupportedFormat
from smalldump.minidumps import MinidumpDirectory, Outcome, recover_page_file
from tests.minidumps.disks import contents
from tests.synth import FILL, Dump, kernel_written_dump, win2000_dump, x64_dump

DUMP = kernel_written_dump()
OLD_PAGES = b"what the page file held before " * 0x4000


def page_file(folder: Path, dump: Dump | bytes, rest: bytes = OLD_PAGES) -> Path:
    """A page file that begins with these bytes."""
    path = folder / "pagefile.sys"
    path.write_bytes((dump.bytes if isinstance(dump, Dump) else dump) + rest)
    return path


@pytest.fixture
def directory(tmp_path: Path) -> MinidumpDirectory:
    """An empty Minidump directory."""
    folder = tmp_path / "Minidump"
    folder.mkdir()
    return MinidumpDirectory(folder)


def test_required_dump_space_tells_the_size(tmp_path: Path, directory: MinidumpDirectory) -> None:
    assert DUMP.number("DUMP_HEADER.RequiredDumpSpace") == len(DUMP) > DUMP.number("TRIAGE_DUMP.SizeOfDump")
    found = recover_page_file(page_file(tmp_path, DUMP), directory)
    assert found.outcome is Outcome.SAVED
    assert list(contents(directory.path).values()) == [DUMP.bytes]
    again = recover_page_file(tmp_path / "pagefile.sys", directory)
    assert (again.outcome, again.path) == (Outcome.ALREADY_THERE, found.path)
    assert len(contents(directory.path)) == 1


def test_without_that_field_the_primary_dump_is_taken(tmp_path: Path, directory: MinidumpDirectory) -> None:
    recover_page_file(page_file(tmp_path, win2000_dump()), directory)
    assert list(contents(directory.path).values()) == [win2000_dump().bytes]


@pytest.mark.parametrize("required", [0, 0x2000, 1 << 40, (1 << 64) - 1, int.from_bytes(FILL * 2, "little")])
def test_a_size_that_cannot_be_true(required: int, tmp_path: Path, directory: MinidumpDirectory) -> None:
    path = page_file(tmp_path, DUMP.patch("DUMP_HEADER.RequiredDumpSpace", required))
    found = recover_page_file(path, directory)
    assert found.outcome is Outcome.SAVED
    assert found.saved
    assert found.saved.size == DUMP.number("TRIAGE_DUMP.SizeOfDump")


def test_a_page_file_that_ends_in_the_secondary_data(tmp_path: Path, directory: MinidumpDirectory) -> None:
    found = recover_page_file(page_file(tmp_path, DUMP.bytes[:-0x10], b""), directory)
    assert found.outcome is Outcome.SAVED
    assert list(contents(directory.path).values()) == [DUMP.bytes[:-0x10]]


def test_a_dump_that_windows_did_not_finish(tmp_path: Path, directory: MinidumpDirectory) -> None:
    found = recover_page_file(page_file(tmp_path, DUMP.patch("marker", 0)), directory)
    assert found.outcome is Outcome.CUT_OFF
    assert isinstance(found.path, Path)
    assert found.path.suffix == ".cut"
    assert list(contents(directory.path)) == [found.path.name]


@pytest.mark.parametrize(
    ("start", "error"),
    [
        (b"", NotADump),
        (bytes(0x10000), NotADump),
        (OLD_PAGES[:0x10000], NotADump),
        (DUMP.patch("DUMP_HEADER.DumpType", 6).bytes, UnsupportedFormat),
        (DUMP.bytes[:0x2040], Truncated),
        (DUMP.truncated("marker").bytes, Truncated),
        (DUMP.patch("TRIAGE_DUMP.SizeOfDump", 8).bytes, FormatError),
    ],
)
def test_what_is_no_dump(start: bytes, error: type[FormatError], tmp_path: Path, directory: MinidumpDirectory) -> None:
    with pytest.raises(error, match="does not begin with a small memory dump"):
        recover_page_file(page_file(tmp_path, start, b""), directory)
    assert contents(directory.path) == {}


def test_a_small_dump_of_gigabytes_is_not_believed(tmp_path: Path, directory: MinidumpDirectory) -> None:
    huge = DUMP.patch("TRIAGE_DUMP.SizeOfDump", 1 << 30).patch("TRIAGE_DUMP.ValidOffset", (1 << 30) - 4)
    path = page_file(tmp_path, huge)
    with path.open("r+b") as file:
        file.truncate(2 << 30)
    with pytest.raises(FormatError, match="too large for a small memory dump"):
        recover_page_file(path, directory)


def test_a_page_file_that_is_not_there(tmp_path: Path, directory: MinidumpDirectory) -> None:
    for name in ("pagefile.sys", "Minidump"):
        with pytest.raises(SourceUnreadable):
            recover_page_file(tmp_path / name, directory)


def test_a_style_that_windows_does_not_write_there(tmp_path: Path, directory: MinidumpDirectory) -> None:
    recover_page_file(page_file(tmp_path, x64_dump()), directory)
    assert list(contents(directory.path).values()) == [x64_dump().bytes]
