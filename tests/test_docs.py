"""The documentation: generated pages are fresh, outputs are the program's, links lead somewhere, examples run."""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tools import docs_outputs, make_docs
from tools.docs_findings import known_findings
from tools.docs_markdown import paragraphs, table
from tools.docs_outputs import ROOT, printed, refreshed
from tools.docs_support import blob_test

import smalldump
from smalldump.checking import check
from smalldump.checking.findings import findings
from smalldump.cli.main import COMMANDS
from smalldump.decode.blobs import DECODERS
from smalldump.layout.blobs import KNOWN_BLOBS
from smalldump.model import Absent
from smalldump.sources.small import SmallDump
from smalldump.unwind import FrameTrust, WalkEnd
from tests.goldens import EXAMPLES
from tests.synth import DAMAGES, x64_dump

_REFERENCE = ROOT / "docs" / "reference"
_PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
_EVERY_PAGE = pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
_SHARED = {"errors", "addresses", "escape", "version"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_lines(page: Path) -> Iterator[str]:
    fence = ""
    for line in text_of(page).splitlines():
        found = re.match(r"`{3,}", line)
        if found and not fence:
            fence = found[0]
        elif line == fence:
            fence = ""
        elif not fence:
            yield line


@pytest.mark.parametrize("name", make_docs.PAGES)
def test_generated_pages_are_fresh(name: str) -> None:
    assert text_of(_REFERENCE / name) == make_docs.PAGES[name](), "stale: run `make docs`, and read the difference"


def test_reference_holds_nothing_else() -> None:
    assert {page.name for page in _REFERENCE.iterdir()} == set(make_docs.PAGES)


@pytest.mark.parametrize("page", make_docs.prose(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_outputs_in_prose_are_fresh(page: Path) -> None:
    text = text_of(page)
    assert text == refreshed(text), "stale: run `make docs`, and read the difference"


def test_outputs_are_shown() -> None:
    shown = re.findall(r"^<!-- output: (.+) -->\n```console\n\$ (.+)\n", "".join(map(text_of, _PAGES)), re.MULTILINE)
    assert all(marked == told for marked, told in shown)
    assert len({command for command, _ in shown}) >= 12


@_EVERY_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", "\n".join(prose_lines(page)))
    missing = [each for each in targets if not each.startswith("https://") and not (page.parent / each).exists()]
    assert missing == []


@_EVERY_PAGE
def test_prose_fits_into_120_characters(page: Path) -> None:
    assert [line for line in prose_lines(page) if len(line) > 120 and not line.startswith(("|", "<!--"))] == []


@_EVERY_PAGE
def test_pages_hold_nothing_of_the_machine_that_made_them(page: Path) -> None:
    assert str(ROOT) not in text_of(page)
    assert str(Path.home()) not in text_of(page)


@pytest.mark.parametrize(("page", "fewest"), [("library.md", 15), ("known-issues.md", 6)])
def test_python_examples_run(page: str, fewest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```pycon\n(.*?)^```$", text_of(ROOT / "docs" / page), re.MULTILINE | re.DOTALL)
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page, page, 0)
    results = doctest.DocTestRunner().run(examples)
    assert results.failed == 0
    assert results.attempted >= fewest


def keys_of(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from keys_of(item, f"{path}[]")
    elif isinstance(value, dict) and "absent" not in value:
        for key, inner in value.items():
            below = f"{path}.{key}".lstrip(".")
            yield below
            yield from keys_of(inner, below)


@pytest.mark.parametrize("dump", EXAMPLES, ids=lambda dump: dump.name)
def test_every_key_of_a_report_is_documented(dump: Path) -> None:
    page = text_of(_REFERENCE / "report.md")
    documented = set(re.findall(r"^(?:\| |## )`([^`]+)`", page, re.MULTILINE))
    free = ("blobs[].decoded.", *(path.removesuffix("*") for path in documented if path.endswith("*")))
    keys = set(keys_of(smalldump.analyze(dump, detailed=True, private=True).data))
    assert len(keys) > 150
    assert {key for key in keys if key not in documented and not key.startswith(free)} == set()


def test_every_command_is_in_reference_and_guide() -> None:
    reference, guide = text_of(_REFERENCE / "cli.md"), text_of(ROOT / "docs" / "guide.md") + text_of(ROOT / "README.md")
    for name in COMMANDS:
        assert f"## `smalldump {name}`\n\n```text\nUsage: smalldump {name} " in reference
        assert f"smalldump {name}" in guide


def test_findings_that_damage_brings_are_documented() -> None:
    known = {finding.code: finding for finding in known_findings()}
    assert len(known) >= 50
    assert all(finding.meaning.endswith(".") for finding in known.values())
    seen = 0
    for damage in DAMAGES:
        broken = memoryview(x64_dump().damaged(damage).bytes)
        found = check(broken).findings
        seen += len(found)
        for each in found:
            assert each.severity.value in known[each.code].severity
    assert seen > len(DAMAGES) // 2


def test_words_of_reports_are_explained() -> None:
    stack = text_of(ROOT / "docs" / "reading-the-stack.md")
    assert {each.value for each in (*FrameTrust, *WalkEnd) if f"| `{each.value}` " not in stack} == set()
    report = text_of(_REFERENCE / "report.md")
    assert {reason.value for reason in Absent if f"| `{reason.value}` " not in report} == set()


def test_tests_of_blobs_exist() -> None:
    assert DECODERS.keys() <= KNOWN_BLOBS.keys()
    assert {tag for tag in KNOWN_BLOBS if not (ROOT / blob_test(tag)).exists()} == set()


def test_case_studies_are_about_examples_that_are_whole() -> None:
    studies = sorted((ROOT / "docs" / "case-studies").glob("*.md"))
    assert len(studies) == 3
    for study in studies:
        found = re.search(r"`(examples/\S+\.dmp)`", text_of(study))
        assert found
        dump = SmallDump(memoryview((ROOT / found[1]).read_bytes()))
        assert not [finding for finding in findings(dump) if finding.severity.value == "error"]


def drawing() -> dict[str, tuple[int, set[str]]]:
    """Room -> level and what it may import, from the drawing in CONTRIBUTING.md."""
    found, level = {}, 0
    for line in text_of(ROOT / "CONTRIBUTING.md").splitlines():
        entry = re.fullmatch(r" (\d|\s)  (\w+) +─► ([\w ]+)", line)
        if entry:
            level = int(entry[1]) if entry[1].strip() else level
            found[entry[2]] = level, set(entry[3].split()) - {"nothing"}
    return found


def imports() -> dict[str, set[str]]:
    """Room -> rooms that its modules import, anywhere in them."""
    source, found = ROOT / "src" / "smalldump", dict[str, set[str]]()
    for path in source.rglob("*.py"):
        room = path.relative_to(source).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("smalldump."):
                found.setdefault(room, set()).add(str(node.module).split(".")[1])
    return found


def test_the_drawing_of_the_house_is_true() -> None:
    drawn = drawing()
    assert all(drawn[other][0] < level for level, others in drawn.values() for other in others)
    for room, others in imports().items():
        if room not in _SHARED and not room.startswith("__"):
            assert others - {room} - _SHARED <= drawn[room][1], room


def test_tables_are_aligned() -> None:
    assert table(["Name", "Bytes"], [["a|b", 5], ["x", 12345]], right=(1,)) == (
        "| Name | Bytes |\n| ---- | ----: |\n| a\\|b |     5 |\n| x    | 12345 |"
    )


def test_paragraphs_are_filled_and_indented_ones_stay() -> None:
    assert paragraphs("\none\ntwo\n\n    a   b\n    c\n") == "one two\n\n    a   b\n    c"
    assert max(map(len, paragraphs("word " * 100).splitlines())) <= 120


def test_outputs_are_written_anew_and_prose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs_outputs, "_run", lambda arguments: (f"{' '.join(arguments)}\nb\nc\n", 4))
    printed.cache_clear()
    marked = "<!-- output: smalldump x | head -2 -->\n```console\n```\n"
    shown = "<!-- output: smalldump x | head -2 -->\n```console\n$ smalldump x | head -2\nx\nb\n...\n```\n"
    assert refreshed(f"{marked}\nBetween.\n\n{marked}") == f"{shown}\nBetween.\n\n{shown}"
    assert refreshed(shown) == shown
    assert printed("smalldump x | tail -1; echo $?") == "c\n4\n"
    assert printed("smalldump 'x y' | grep y") == "x y\n"
    for refused in ("rm x", "smalldump x | sort -r"):
        with pytest.raises(ValueError, match="not a"):
            printed(refused)
    printed.cache_clear()


def test_check_mode_tells_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "reference" / "page.md"
    monkeypatch.setattr(make_docs, "ROOT", tmp_path)
    monkeypatch.setattr(make_docs, "fresh", lambda: [(page, "new\n")])
    assert make_docs.main(["--check"]) == 1
    assert not page.exists()
    assert make_docs.main([]) == 0
    assert text_of(page) == "new\n"
    assert make_docs.main(["--check"]) == 0
    assert capsys.readouterr().out == "reference/page.md: stale\nreference/page.md: written\n"
