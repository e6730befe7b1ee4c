from __future__ import annotations

import re
from pathlib import Path

import pytest

from smalldump.api import analyze_source
from smalldump.intake import ByteSource
from smalldump.report import Report
from smalldump.report.text import SECTIONS, render, render_section
from tests.goldens import EXAMPLES
from tests.synth import Driver, Dump, x64_dump
from tests.synth.big_machine import BigMachine
from tests.synth.stories import demo

SCREEN = 40  # lines of a terminal that a first screen may take


def report_on(dump: Dump, *, private: bool = False, detailed: bool = False) -> Report:
    source = ByteSource("synthetic.dmp", None, dump.bytes)
    return analyze_source(source, private=private, detailed=detailed)


@pytest.mark.parametrize("dump", EXAMPLES, ids=lambda dump: dump.name)
def test_the_first_screen_answers_the_seven_questions(dump: Path) -> None:
    lines = render(analyze_source(ByteSource(dump.name, None, dump.read_bytes()))).splitlines()
    labels = [line.split()[0] for line in lines[:SCREEN] if re.match(r"[A-Z][a-z]+ ", line)]
    for label in ("What", "Who", "How", "Process", "Where", "When", "Machine"):
        assert label in labels
    assert dump.name in lines[0]


@pytest.mark.parametrize("dump", EXAMPLES, ids=lambda dump: dump.name)
@pytest.mark.parametrize("width", [72, 100, 160])
def test_lines_keep_to_the_width(dump: Path, width: int) -> None:
    report = analyze_source(ByteSource(dump.name, None, dump.read_bytes()), detailed=True)
    for line in render(report, width=width).splitlines()[1:]:
        assert len(line) <= width, line


def test_names_full_of_control_characters_are_shown_escaped() -> None:
    facts = x64_dump().facts
    evil = "\\\x1b[31mred\x07\u202eexe.sys"
    drivers = [Driver(evil, d.base, d.size, 5, 6) if "wobble" in d.path else d for d in facts.drivers]
    text = render(report_on(x64_dump(drivers=drivers, comment="\x1b]0;title\x07"), detailed=True), verbose=True)
    assert "red" in text
    assert not [c for c in text if c != "\n" and not c.isprintable()]
    assert "\\x1b[31mred\\x07\\u202eexe.sys" in text


def test_every_section_can_be_shown_by_itself() -> None:
    report = report_on(x64_dump(), detailed=True)
    texts = {name: render_section(report, name) for name in SECTIONS}
    assert all(texts.values())
    assert "wobblefs" in texts["modules"]
    assert "rip=" in texts["registers"]
    assert "xmm15=" in texts["registers"]
    assert "TrapFrame @" in texts["stack"]
    assert "asked for by" in texts["pages"]
    with pytest.raises(KeyError):
        render_section(report, "nothing")


def test_full_text_shows_every_section_and_brief_text_does_not() -> None:
    report = report_on(x64_dump(), detailed=True)
    brief, full = render(report), render(report, verbose=True)
    assert "Debugger data block" in full
    assert "Debugger data block" not in brief
    assert len(brief.splitlines()) < 70


def test_serial_numbers_and_unique_identifiers_are_left_out_unless_asked_for() -> None:
    open_report, closed_report = report_on(x64_dump(), private=True), report_on(x64_dump())
    assert '"absent":"private"' in closed_report.to_json()
    assert '"absent":"private"' not in open_report.to_json()


def test_a_file_that_is_no_dump_gets_a_report_that_says_so() -> None:
    report = analyze_source(ByteSource("empty.dmp", None, b""))
    assert report["file.state"] == "not_a_dump"
    assert "empty" in render(report)
    assert report["bug_check"] is None


def test_absent_facts_are_words_not_numbers() -> None:
    report = report_on(x64_dump().truncated("PRCB"))
    text = render(report, verbose=True)
    assert "not in this dump" in text
    assert "damaged" in text
    assert report["process"] == {"absent": "corrupt"}


def module(name: str, timestamp: str, *, dated: bool = True, **more: str) -> dict[str, str]:
    kind = "link time" if dated else "reproducible-build hash (guess)"
    place = {"base": "0x1000", "end": "0x2000", "path": f"\\??\\C:\\{'deep' * 20}\\{name}.sys"}
    return {"name": name, "timestamp": timestamp, "timestamp_kind": kind} | place | more


def drivers_of(report: Report) -> list[str]:
    lines = render(report).splitlines()
    head = next(at for at, line in enumerate(lines) if "loaded" in line)
    return lines[head:]


def test_drivers_on_the_stack_come_first_then_the_newest() -> None:
    modules = [
        module("hashed", "0xffff0000", dated=False),
        module("old", "0x40000000"),
        module("new", "0x60000000", vendor="Kaspersky", product="Kaspersky antivirus"),
        module("deep", "0x30000000"),
        module("top", "0x20000000"),
        module("nt", "0x50000000", vendor="Microsoft"),
    ]
    frames = [{"module": name, "pc": "0x1", "sp": "0x1", "offset": "0x1", "trust": "scan"} for name in ("top", "deep")]
    for frame in frames:
        frame["return_address"] = ""
    lines = drivers_of(Report({"bug_check": {"absent": "corrupt"}, "modules": modules, "stack": frames}))
    assert lines[0] == "6 modules loaded, 5 of them not known as parts of Windows; unloaded drivers: none"
    assert [line.split()[0] for line in lines[1:]] == ["top", "deep", "new", "old", "hashed"]
    assert lines[3].endswith("Kaspersky antivirus")
    assert lines[1].endswith("top.sys")
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("modules", "unloaded", "words"),
    [
        (
            [module("nt", "0x1", vendor="Microsoft")] * 2,
            [],
            "2 modules loaded, all of them parts of Windows; no unloaded",
        ),
        ([module("x", "0x1")], [{}], "1 module loaded, 1 of them not known as parts of Windows; 1 unloaded driver"),
        (
            {"absent": "corrupt"},
            {"absent": "not_captured"},
            "loaded modules: lost or damaged; unloaded drivers: not in this dump",
        ),
        ([], [{}, {}], "no modules loaded; 2 unloaded drivers"),
    ],
)
def test_modules_are_counted_in_words(modules: object, unloaded: object, words: str) -> None:
    report = Report({"bug_check": {"absent": "corrupt"}, "modules": modules, "unloaded_modules": unloaded})
    assert any(line.startswith(words) for line in render(report).splitlines())


def test_the_counters_of_the_memory_manager_are_shown() -> None:
    shown = render_section(
        Report({"mm": {"committed_pages": 123456, "paged_pool_maximum": {"absent": "corrupt"}}}), "memory"
    )
    assert shown.split() == ["CommittedPages", "123456", "PagedPoolMaximum", "lost", "or", "damaged"]
    assert "Memory counters" in render(report_on(x64_dump()), verbose=True)


def test_the_driver_that_windows_blames_stands_with_the_bug_check() -> None:
    report = report_on(x64_dump())
    report.data["broken_driver"] = "evil\x1b.sys"
    assert "Windows itself blames: evil\\x1b.sys" in render_section(report, "bugcheck")
    report.data["broken_driver"] = {"absent": "not_captured"}
    assert "blames" not in render_section(report, "bugcheck")


def test_sections_speak_in_words() -> None:
    report = report_on(x64_dump())
    stack, process = render_section(report, "stack"), render_section(report, "process")
    assert stack.endswith("The walk ended: reached user mode.")
    assert "wait reason     0 (Executive)" in process
    assert "_" not in process
    assert "0x" not in process
    assert "created             2026-11-22 07:31:12 UTC" in process
    assert "PsLoadedModuleList" in render_section(report, "debugger-data")
    report.data["stack_end"] = "newer_reason"
    assert render_section(report, "stack").endswith("The walk ended: newer_reason.")


@pytest.mark.parametrize("width", [40, 60, 72, 100])
def test_call_sites_are_never_cut(width: int) -> None:
    lines = render_section(report_on(x64_dump()), "stack", width=width).splitlines()
    assert any(line.split()[-2:] == ["wobblefs+0x2d4c", "context"] for line in lines)
    assert all(len(line) <= width for line in lines)


def test_a_call_site_that_fills_the_screen_is_cut() -> None:
    report = report_on(x64_dump())
    report.data["stack"][0]["module"] = "x" * 520
    assert max(map(len, render_section(report, "stack").splitlines())) <= 100


@pytest.mark.parametrize("name", SECTIONS)
def test_an_empty_report_has_every_section(name: str) -> None:
    absent = {"absent": "corrupt"}
    keys = ("bug_check", "modules", "unloaded_modules", "stack_window", "process", "thread", "processor", "mm", "blobs")
    for document in ({}, dict.fromkeys((*keys, "debugger_data", "header"), absent)):
        assert render_section(Report(document), name)


def test_long_names_of_drivers_are_cut_to_the_screen() -> None:
    modules = [module("x" * 520, "0x60000000"), module("short", "0x1")]
    lines = drivers_of(Report({"bug_check": {"absent": "corrupt"}, "modules": modules}))
    assert max(map(len, lines)) <= 100
    assert "2021-01-14" in lines[1]


def test_processes_of_a_big_dump() -> None:
    """In short with `-v`, one by one in their own section."""
    machine = BigMachine(demo.builder())
    source = ByteSource("MEMORY.DMP", None, machine.complete())
    report = analyze_source(source, detailed=True)
    name, pid = machine.facts.process.name, machine.facts.process.pid
    assert [each["name"] for each in report["processes"]] == ["System", name]
    assert f"2 by name and pid: System (4), {name} ({pid})" in render(report, verbose=True)
    rows = render_section(report, "processes").splitlines()[2:]
    assert [row.split()[0] for row in rows] == ["4", str(pid)]
    assert "Processes" not in render(report_on(x64_dump(), detailed=True), verbose=True)
