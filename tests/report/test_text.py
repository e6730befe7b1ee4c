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

SCREEN = 40  # lines of a terminal that a first screen may take


def report_on(dump: Dump, **options: bool) -> Report:
    return analyze_source(ByteSource("synthetic.dmp", None, dump.bytes), **options)


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
    assert report["process"] == {"absent": "not_captured"}
