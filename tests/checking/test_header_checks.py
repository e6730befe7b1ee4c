"""One test per finding about the dump header."""

from __future__ import annotations

import pytest

from tests.checking.asking import ERROR, INFO, WARNING, codes, findings_of, new_finding
from tests.synth import FILL, Dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump


@pytest.mark.parametrize("dump", [x64_dump(), x86_dump()], ids=["64", "32"])
def test_header_cut(dump: Dump) -> None:
    header = dump.offset("TRIAGE_DUMP")
    finding = new_finding(dump, dump.truncated(header - 1), "header-cut")
    assert (finding.severity, finding.offset) == (ERROR, header - 1)
    assert f"expected {header:#x}" in finding.message
    assert codes(dump.truncated(header - 1)) == {"header-cut"}


@pytest.mark.parametrize("dump", [x64_dump(), x86_dump()], ids=["64", "32"])
@pytest.mark.parametrize("more", [0, 0x67])
def test_header_only(dump: Dump, more: int) -> None:
    size = dump.offset("TRIAGE_DUMP") + more
    finding = new_finding(dump, dump.truncated(size), "header-only")
    assert (finding.severity, finding.offset) == (ERROR, size)


def test_bug_check_missing() -> None:
    dump = x64_dump()
    finding = new_finding(dump, dump.patch("DUMP_HEADER.BugCheckCode", FILL), "bug-check-missing")
    assert (finding.severity, finding.offset) == (ERROR, 0x38)


def test_dump_type_missing() -> None:
    dump = x86_dump()
    finding = new_finding(dump, dump.patch("DUMP_HEADER.DumpType", FILL), "dump-type-missing")
    assert (finding.severity, finding.offset) == (WARNING, 0xF88)


def test_unsupported_machine() -> None:
    dump = x64_dump()
    finding = new_finding(dump, dump.patch("DUMP_HEADER.MachineImageType", 0x200), "unsupported-machine")
    assert (finding.severity, finding.offset) == (WARNING, 0x30)
    assert "IA64" in finding.message


def test_build_missing() -> None:
    dump = x64_dump()
    finding = new_finding(dump, dump.patch("DUMP_HEADER.MinorVersion", FILL), "build-missing")
    assert (finding.severity, finding.offset) == (WARNING, 0xC)


def test_undescribed_build_names_the_build_and_what_is_unknown() -> None:
    dump = x64_dump()
    finding = new_finding(dump, dump.patch("DUMP_HEADER.MinorVersion", 31000), "undescribed-build")
    assert (finding.severity, finding.offset) == (INFO, 0xC)
    assert "31000 (x64)" in finding.message
    assert "priority" in finding.message  # no word of the debugger data block and no rule tells it
    assert "tid" not in finding.message  # a rule does


def test_undescribed_build_without_any_words_leaves_whole_structures_unknown() -> None:
    (finding,) = (finding for finding in findings_of(win2000_dump()) if finding.code == "undescribed-build")
    assert finding.message.endswith("2195 (x86) are not described; unknown: the thread; the process; the processor")


@pytest.mark.parametrize("runs", [0, 44, 0xFFFFFFFF])
def test_physical_memory_corrupt(runs: int) -> None:
    dump = kernel_written_dump()
    finding = new_finding(dump, dump.patch(0x88, runs), "physical-memory-corrupt")
    assert (finding.severity, finding.offset) == (WARNING, 0x88)


def test_context_corrupt() -> None:
    dump = x64_dump()
    finding = new_finding(dump, dump.patch(0x348, bytes(0x100)), "context-corrupt")
    assert (finding.severity, finding.offset) == (ERROR, 0x348)


@pytest.mark.parametrize(("status", "words"), [(1, "no module list"), (2, "corrupt module list"), (9, "0x9")])
def test_writer_status(status: int, words: str) -> None:
    dump = x64_dump()
    finding = new_finding(dump, dump.patch("DUMP_HEADER.WriterStatus", status), "writer-status")
    assert (finding.severity, finding.offset) == (WARNING, 0x1048)
    assert words in finding.message


def test_secondary_data_state() -> None:
    dump = kernel_written_dump()
    finding = new_finding(dump, dump.patch("DUMP_HEADER.SecondaryDataState", 0xC0000023), "secondary-data-state")
    assert (finding.severity, finding.offset) == (INFO, 0x103C)
    assert "0xc0000023" in finding.message


def test_insufficient_dump_file_size() -> None:
    dump = kernel_written_dump()
    finding = new_finding(dump, dump.patch("DUMP_HEADER.Attributes", 0xC), "insufficient-dump-file-size")
    assert (finding.severity, finding.offset) == (WARNING, 0x1050)


def test_kernel_written_dump_cut_between_two_blobs() -> None:
    dump = kernel_written_dump()
    size = dump.offset("blobs[2]")
    finding = new_finding(dump, dump.truncated(size), "shorter-than-required")
    assert (finding.severity, finding.offset) == (ERROR, size)
    assert f"expected {len(dump):#x}" in finding.message


def test_kernel_written_dump_cut_behind_its_last_blob_lost_nothing() -> None:
    dump = kernel_written_dump()
    end = dump.offsets["blobs[4].data"].end
    for size in (end + 1, end + 0x20, len(dump) - 1):
        finding = new_finding(dump, dump.truncated(size), "shorter-than-required")
        assert (finding.severity, finding.offset) == (WARNING, size)


def test_padded_dump_of_windows_8_cut_between_two_blobs() -> None:
    blobs = x64_dump().facts.blobs
    plain = x64_dump()
    secondary = len(plain) - plain.number("TRIAGE_DUMP.SizeOfDump")
    dump = x64_dump(size=0x40000 + secondary, blobs=blobs)
    assert dump.number("TRIAGE_DUMP.SizeOfDump") == 0x40000
    assert new_finding(dump, dump.truncated("blobs[3]"), "shorter-than-required").severity is ERROR


def test_required_space_is_but_a_ceiling_elsewhere() -> None:
    dump = x64_dump()
    assert "shorter-than-required" not in codes(dump.patch("DUMP_HEADER.RequiredDumpSpace", 2 * len(dump)))
