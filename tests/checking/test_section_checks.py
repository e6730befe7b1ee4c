"""One test per finding about the triage header and the sections."""

from __future__ import annotations

import pytest

from tests.checking.asking import ERROR, INFO, WARNING, codes, findings_of, new_finding
from tests.synth import Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump

ALL = {"x64": x64_dump(), "kernel": kernel_written_dump(), "x86": x86_dump(), "arm64": arm64_dump()}
every_dump = pytest.mark.parametrize("dump", list(ALL.values()), ids=list(ALL))


@every_dump
def test_file_cut_names_what_is_lost(dump: Dump) -> None:
    size = dump.offset("stack") + 0x20
    finding = new_finding(dump, dump.truncated(size), "file-cut")
    assert (finding.severity, finding.offset) == (ERROR, size)
    lost = finding.message.partition("lost or cut: ")[2].split(", ")
    assert {"call stack", "driver list", "string pool", "data block table", "end marker"} <= set(lost)
    assert not {"KPRCB", "EPROCESS", "MM block"} & set(lost)


@every_dump
def test_file_cut_by_its_last_byte(dump: Dump) -> None:
    cut = dump.truncated(dump.number("TRIAGE_DUMP.SizeOfDump") - 1)
    assert new_finding(dump, cut, "file-cut").message.endswith("lost or cut: end marker")


@every_dump
def test_size_of_dump_too_small(dump: Dump) -> None:
    changed = dump.patch("TRIAGE_DUMP.SizeOfDump", 0x1000)
    finding = new_finding(dump, changed, "size-of-dump-too-small")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("TRIAGE_DUMP.SizeOfDump"))
    assert "marker-offset" not in codes(changed)  # it cannot be told from a SizeOfDump that is wrong itself


@every_dump
def test_marker_offset(dump: Dump) -> None:
    finding = new_finding(dump, dump.patch("TRIAGE_DUMP.ValidOffset", 0x3000), "marker-offset")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("TRIAGE_DUMP.ValidOffset"))
    assert f"expected {dump.offset('marker'):#x}, found 0x3000" in finding.message


@every_dump
def test_marker_missing(dump: Dump) -> None:
    finding = new_finding(dump, dump.damaged("marker missing"), "marker-missing")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("marker"))


@every_dump
def test_context_offset_wrong(dump: Dump) -> None:
    finding = new_finding(dump, dump.patch("TRIAGE_DUMP.ContextOffset", 0x4000), "context-offset-wrong")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset("TRIAGE_DUMP.ContextOffset"))


@every_dump
def test_exception_offset_wrong(dump: Dump) -> None:
    finding = new_finding(dump, dump.patch("TRIAGE_DUMP.ExceptionOffset", 0), "exception-offset-wrong")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset("TRIAGE_DUMP.ExceptionOffset"))


@every_dump
@pytest.mark.parametrize(
    ("field", "name", "severity"),
    [("Prcb", "KPRCB", ERROR), ("Process", "EPROCESS", WARNING), ("Thread", "ETHREAD", WARNING)],
)
def test_section_missing(dump: Dump, field: str, name: str, severity: object) -> None:
    finding = new_finding(dump, dump.patch(f"TRIAGE_DUMP.{field}Offset", 0), "section-missing")
    assert (finding.severity, finding.offset) == (severity, dump.offset(f"TRIAGE_DUMP.{field}Offset"))
    assert name in finding.message


@every_dump
def test_no_drivers_and_no_stack_are_missing_sections(dump: Dump) -> None:
    changed = dump.patch("TRIAGE_DUMP.DriverListOffset", 0).patch("TRIAGE_DUMP.DriverCount", 0)
    assert "driver list" in new_finding(dump, changed, "section-missing").message
    changed = dump.patch("TRIAGE_DUMP.CallStackOffset", 0).patch("TRIAGE_DUMP.SizeOfCallStack", 0)
    assert "call stack" in new_finding(dump, changed, "section-missing").message


def test_windows_2000_has_no_debugger_data_block() -> None:
    assert "section-missing" not in codes(win2000_dump())


@every_dump
@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("MmOffset", 0x20, "MM block"),
        ("UnloadedDriversOffset", 0xFFFFFFF8, "unloaded drivers"),
        ("PrcbOffset", 0x7FFFFFF8, "KPRCB"),
        ("CallStackOffset", 0xFFFFFFF8, "call stack"),
        ("SizeOfCallStack", 0xFFFFFFF8, "call stack"),
        ("DriverListOffset", 8, "driver list"),
        ("DriverCount", 0xFFFFFFFF, "driver list"),
        ("StringPoolOffset", 0xFFFFFFF8, "string pool"),
        ("StringPoolSize", 0x70000000, "string pool"),
        ("DataPageSize", 0x70000000, "data page"),
        ("DebuggerDataOffset", 0xFFFFFFF8, "debugger data block"),
        ("DebuggerDataSize", 0x10000000, "debugger data block"),
        ("DataBlocksOffset", 0, "data block table"),
        ("DataBlocksCount", 0xFFFFFFFF, "data block table"),
    ],
)
def test_section_out_of_range(dump: Dump, field: str, value: int, name: str) -> None:
    changed = dump.patch(f"TRIAGE_DUMP.{field}", value)
    assert "section-out-of-range" not in codes(dump)
    found = [finding for finding in findings_of(changed) if finding.code == "section-out-of-range"]
    (finding,) = (finding for finding in found if f"the {name} is not inside" in finding.message)
    assert finding.severity is ERROR
    without_page = field == "DataPageSize" and not dump.number("TRIAGE_DUMP.DataPageOffset")
    assert finding.offset == dump.offset("TRIAGE_DUMP.DataPageOffset" if without_page else f"TRIAGE_DUMP.{field}")


@pytest.mark.parametrize("dump", [ALL["x64"], ALL["kernel"], ALL["arm64"]], ids=["x64", "kernel", "arm64"])
def test_section_overlap(dump: Dump) -> None:
    process = dump.number("TRIAGE_DUMP.ProcessOffset")
    finding = new_finding(dump, dump.patch("TRIAGE_DUMP.ThreadOffset", process + 0x40), "section-overlap")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("TRIAGE_DUMP.ThreadOffset"))
    assert "EPROCESS and ETHREAD overlap" in finding.message


def test_sections_that_touch_do_not_overlap() -> None:
    assert "section-overlap" not in codes(x64_dump(slack=0))


@every_dump
def test_section_misaligned(dump: Dump) -> None:
    offset = dump.number("TRIAGE_DUMP.StringPoolOffset")
    changed = dump.patch("TRIAGE_DUMP.StringPoolOffset", offset + 4)
    finding = new_finding(dump, changed, "section-misaligned")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset("TRIAGE_DUMP.StringPoolOffset"))


@every_dump
@pytest.mark.parametrize(("field", "value"), [("Version", 2), ("Size", 0x51)])
def test_memory_manager_block(dump: Dump, field: str, value: int) -> None:
    finding = new_finding(dump, dump.patch(f"MM.{field}", value), "memory-manager-block")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset("MM"))


@every_dump
@pytest.mark.parametrize("count", [51, 0xFFFFFFFF])
def test_unloaded_count(dump: Dump, count: int) -> None:
    finding = new_finding(dump, dump.patch("unloaded.count", count), "unloaded-count")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("unloaded"))
    assert f"found {count}" in finding.message


def test_unloaded_count_beyond_the_next_section() -> None:
    dump = ALL["x64"]  # dbgeng stores as many slots as there are drivers
    count = dump.number("unloaded.count") + 1
    assert "unloaded-count" in codes(dump.patch("unloaded.count", count))
    assert "unloaded-count" not in codes(ALL["kernel"].patch("unloaded.count", 50))


@every_dump
def test_debugger_data_corrupt(dump: Dump) -> None:
    finding = new_finding(dump, dump.patch("KDBG.Tag", b"KDBx"), "debugger-data-corrupt")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("KDBG.Tag"))
    finding = new_finding(dump, dump.patch("KDBG.Size", 0x18), "debugger-data-corrupt")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("KDBG.Size"))


def test_debugger_data_cut() -> None:
    dump = ALL["x64"]
    whole = dump.number("KDBG.Size")
    finding = new_finding(dump, dump.patch("TRIAGE_DUMP.DebuggerDataSize", 0x368), "debugger-data-cut")
    assert (finding.severity, finding.offset) == (INFO, dump.offset("TRIAGE_DUMP.DebuggerDataSize"))
    assert f"0x368 of {whole:#x}" in finding.message


def test_structure_shortened_by_its_writer() -> None:
    dump = ALL["x64"]
    size_prcb = dump.offset("KDBG") + 0x2B0
    finding = new_finding(dump, dump.patch(size_prcb, 0x700, size=2), "structure-shortened")
    assert (finding.severity, finding.offset) == (INFO, dump.offset("PRCB"))
    assert finding.message.startswith("the KPRCB is shortened to 0x700 bytes; not in it: vendor")
    assert "number" not in finding.message


def test_structure_under_the_next_section() -> None:
    dump = ALL["x86"]  # the debugger data block of Windows XP holds no sizes
    process = dump.number("TRIAGE_DUMP.ProcessOffset")
    finding = new_finding(dump, dump.patch("TRIAGE_DUMP.ThreadOffset", process + 0x40), "structure-shortened")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("EPROCESS"))
    assert "unique_process_id" in finding.message


@every_dump
@pytest.mark.parametrize("name", ["PsLoadedModuleList", "PsActiveProcessHead"])
def test_list_head_differs(dump: Dump, name: str) -> None:
    changed = dump.patch(f"DUMP_HEADER.{name}", dump.number(f"DUMP_HEADER.{name}") + 0x10)
    finding = new_finding(dump, changed, "list-head-differs")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset(f"DUMP_HEADER.{name}"))
