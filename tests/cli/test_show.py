"""`show`: sections as text and JSON, and the layout of the file."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from smalldump.report.text import SECTIONS
from tests.cli.conftest import Run
from tests.synth import x64_dump


@pytest.mark.parametrize("name", [*SECTIONS, "layout"])
def test_every_section_shows_as_text_and_json(run: Run, dump: Path, name: str) -> None:
    code, out, err = run("show", dump, name)
    assert (code, err) == (0, "")
    assert out.strip()
    code, out, err = run("show", dump, name, "--format", "json")
    assert (code, err) == (0, "")
    assert all(value is not None for value in json.loads(out).values()) or name in ("stack", "processes")


def test_without_a_section_all_are_shown(run: Run, dump: Path) -> None:
    out = run("show", dump).out
    titles = [line[1:-1] for line in out.splitlines() if line.startswith("[") and line.endswith("]")]
    assert titles == [name for name in SECTIONS if name != "processes"]


def test_several_sections_in_the_order_named(run: Run, dump: Path) -> None:
    out = run("show", dump, "stack", "REGISTERS").out
    assert out.startswith("[stack]\n")
    assert out.index("\n\n[registers]\n") > 0


def test_facts_of_the_dump_are_there(run: Run, dump: Path) -> None:
    assert "wobblefs" in run("show", dump, "modules").out
    shown = json.loads(run("show", dump, "process", "--format", "json").out)
    assert shown["process"]["name"] == "tidybackup.exe"
    assert set(shown) == {"process", "thread"}


def test_pages_are_listed_one_by_one(run: Run, dump: Path) -> None:
    pages = json.loads(run("show", dump, "pages", "--format", "json").out)["pages"]
    assert len(pages["list"]) == pages["blocks"] > 0


def test_the_layout_accounts_for_every_byte(run: Run, dump: Path) -> None:
    layout = json.loads(run("show", dump, "layout", "--format", "json").out)["layout"]
    ranges = sorted((int(each["start"], 16), int(each["end"], 16)) for each in layout["claims"] + layout["unclaimed"])
    assert ranges[0][0] == 0
    assert ranges[-1][1] == layout["size"] == dump.stat().st_size
    assert all(before[1] == after[0] for before, after in pairwise(ranges))


def test_the_layout_lists_what_nobody_claims(run: Run, tmp_path: Path) -> None:
    without_blocks = x64_dump().patch("TRIAGE_DUMP.DataBlocksCount", 0).save(tmp_path)
    out = run("show", without_blocks, "layout").out
    layout = json.loads(run("show", without_blocks, "layout", "--format", "json").out)["layout"]
    listed = [line.split() for line in out.splitlines() if "  UNCLAIMED  " in line]
    assert [int(start, 16) for start, *_ in listed] == [int(each["start"], 16) for each in layout["unclaimed"]]
    assert listed
    sizes = [int(size.replace(",", "")) for _, _, size, *_ in listed]
    size = without_blocks.stat().st_size
    assert out.endswith(f"{size:,} bytes: {size - sum(sizes):,} accounted for, {sum(sizes):,} unclaimed\n")


def test_a_damaged_dump_shows_what_it_has(run: Run, damaged: Path) -> None:
    code, out, _ = run("show", damaged)
    assert code == 4
    assert "[registers]" in out
    assert run("show", damaged, "layout").code == 4


@pytest.mark.parametrize("sections", [[], ["layout"], ["stack", "--format", "json"]])
def test_no_dump(run: Run, tmp_path: Path, sections: list[str]) -> None:
    path = tmp_path / "x.dmp"
    path.write_bytes(b"nothing")
    code, out, err = run("show", path, *sections)
    assert (code, out) == (3, "")
    assert err.startswith(f"smalldump: {path}: ")
    assert err.count("\n") == 1


def test_a_folder_of_several_must_be_told_apart(run: Run, folder: Path) -> None:
    code, out, err = run("show", folder)
    assert (code, out) == (3, "")
    assert "more than one dump" in err


def test_standard_input(run: Run, dump: Path) -> None:
    assert "wobblefs" in run("show", "-", "modules", stdin=dump.read_bytes()).out


def test_nothing_is_cut_where_there_is_no_screen(start: Run, dump: Path) -> None:
    modules = start("show", dump, "modules").out
    assert "\\drivers\\wobblefs.sys" in modules
    assert "..." not in modules
    assert "..." in start("show", dump, "modules", COLUMNS="80").out


def test_prose_keeps_its_width_where_there_is_no_screen(start: Run, dump: Path) -> None:
    for section in ("registers", "header", "stack"):
        assert max(map(len, start("show", dump, section).out.splitlines())) <= 100


def test_stacks_of_processors_and_threads(run: Run, dump: Path) -> None:
    every = run("show", dump, "--cpu", "all", "--thread", "all", "--args").out
    assert "Processor 2: stopped the machine" in every
    assert "Thread ffffc48f`6d2a5080: running on processor 2" in every
    assert "    args " in every
    one = run("show", dump, "--thread", "ffffc48f`6d2a5080").out
    assert one.startswith("Thread ffffc48f`6d2a5080")
    assert run("show", dump, "stack", "--cpu", "99").out == "no such processor in this dump\n"


@pytest.mark.parametrize("options", [("--cpu", "-1"), ("--cpu", "two"), ("--thread", "here")])
def test_what_names_no_processor_and_no_thread(run: Run, dump: Path, options: tuple[str, str]) -> None:
    assert run("show", dump, *options).code == 2
