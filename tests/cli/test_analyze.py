"""`analyze`: one dump and many, every format, and what goes wrong with some of them."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

from smalldump.errors import SourceUnreadable
from smalldump.intake import Origin
from tests.cli.conftest import Run
from tests.synth import x64_dump

HEADERS = "Time (UTC)"


def test_one_dump_gives_its_report(run: Run, dump: Path) -> None:
    code, out, err = run("analyze", dump)
    assert (code, err) == (0, "")
    assert out.startswith("112226-8765-01.dmp: small memory dump, x64")
    assert "DRIVER_IRQL_NOT_LESS_OR_EQUAL" in out
    assert "wobblefs.sys" in out
    assert HEADERS not in out
    assert out.endswith("\n")
    assert not out.endswith("\n\n")


def test_verbose_tells_more(run: Run, dump: Path) -> None:
    short, full = run("analyze", dump).out, run("analyze", "-v", dump).out
    assert full.count("\n") > 3 * short.count("\n")


def test_standard_input(run: Run, dump: Path) -> None:
    code, out, err = run("analyze", "-", stdin=dump.read_bytes())
    assert (code, err) == (0, "")
    assert "wobblefs.sys" in out


def test_standard_input_that_is_a_terminal_is_wrong_usage(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True)
    code, _, err = run("analyze", "-")
    assert code == 2
    assert "terminal" in err


def test_a_folder_gives_blocks_and_a_table_by_time(run: Run, folder: Path) -> None:
    code, out, err = run("analyze", folder)
    assert code == 3
    assert err.startswith(f"smalldump: {folder / 'c-text.dmp'}: ")
    assert err.count("\n") == 1
    blocks, _, table = out.partition(HEADERS)
    assert blocks.index("a-2026.dmp\n") < blocks.index("b-2008.dmp\n")
    assert "  high confidence: " in blocks
    assert table.index("b-2008.dmp") < table.index("a-2026.dmp")
    assert "c-text" not in out
    row = next(line for line in table.splitlines() if "a-2026.dmp" in line)
    assert row.split()[:2] == ["2026-11-22", "07:55"]
    assert "0xD1 " in row
    assert row.split()[-2:] == ["wobblefs.sys", "tidybackup.exe"]


def test_verbose_folder_gives_reports_and_the_table(run: Run, folder: Path) -> None:
    out = run("analyze", "--verbose", folder).out
    assert out.count("Debugger data block") == 2
    assert HEADERS in out


def test_an_archive_is_its_dumps(run: Run, archive: Path) -> None:
    code, out, err = run("analyze", archive)
    assert code == 3
    assert "sent-in.zip!c-text.dmp: " in err
    assert "sent-in.zip!a-2026.dmp\n" in out


def test_a_member_of_an_archive_is_one_dump(run: Run, archive: Path) -> None:
    code, out, _ = run("analyze", f"{archive}!a-2026.dmp")
    assert code == 0
    assert out.startswith("a-2026.dmp: small memory dump") or "a-2026.dmp: small memory dump" in out.splitlines()[0]


def test_json_of_one_dump_is_the_report(run: Run, dump: Path) -> None:
    code, out, err = run("analyze", "--format", "json", dump)
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert report["schema"] == "smalldump.report/1"
    assert report["verdict"]["culprit"]["file"] == "wobblefs.sys"
    assert out.startswith('{\n  "schema"')


def test_json_of_several_is_an_array(run: Run, folder: Path) -> None:
    code, out, err = run("analyze", "--format", "json", folder)
    assert code == 3
    assert "c-text.dmp" in err
    reports = json.loads(out)
    assert [report["file"]["name"] for report in reports] == ["a-2026.dmp", "b-2008.dmp", "c-text.dmp"]
    assert [report["file"]["state"] for report in reports] == ["whole", "whole", "not_a_dump"]


def test_json_of_several_that_cannot_be_read_is_an_empty_array(run: Run) -> None:
    code, out, err = run("analyze", "--format", "json", "nowhere-1.dmp", "nowhere-2.dmp")
    assert (code, json.loads(out)) == (3, [])
    assert err.count("\n") == 2


def test_jsonl_is_a_line_for_each(run: Run, folder: Path, dump: Path) -> None:
    lines = run("analyze", "--format", "jsonl", folder, dump).out.splitlines()
    assert [json.loads(line)["file"]["name"] for line in lines] == [
        "a-2026.dmp",
        "b-2008.dmp",
        "c-text.dmp",
        "112226-8765-01.dmp",
    ]
    assert run("analyze", "--format", "jsonl", dump).out.count("\n") == 1


def test_private_data_only_when_asked_for(run: Run, dump: Path) -> None:
    shared, private = (run("analyze", "--format", "jsonl", *flag, dump).out for flag in ([], ["--private"]))
    assert '"absent":"private"' in shared
    assert '"absent":"private"' not in private


def test_a_damaged_dump_is_read_in_part(run: Run, damaged: Path) -> None:
    code, out, err = run("analyze", damaged)
    assert (code, err) == (4, "")
    assert "damaged" in out
    assert "DRIVER_IRQL_NOT_LESS_OR_EQUAL" in out


@pytest.mark.parametrize(("level", "code"), [("warning", 1), ("error", 0)])
def test_fail_on(run: Run, tmp_path: Path, level: str, code: int) -> None:
    warned = x64_dump().damaged("stale tail").save(tmp_path)
    assert run("analyze", warned).code == 0
    assert run("analyze", "--fail-on", level, warned).code == code
    assert run("analyze", "--fail-on", level, "--format", "jsonl", warned).code == code


def test_the_worst_exit_code_of_a_batch_counts(run: Run, dump: Path, damaged: Path, folder: Path) -> None:
    assert run("analyze", dump, damaged, folder).code == 4
    assert run("analyze", "--fail-on", "error", dump, damaged).code == 4


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such file or folder"),
        (lambda path: path.mkdir(), "no dump in this folder"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(b"PK\3\4 and nothing of a zip" * 9), "zip"),
        (lambda path: path.write_bytes(bytes(9000)), "zero"),
    ],
)
def test_what_cannot_be_read_is_one_line(run: Run, tmp_path: Path, make: object, words: str) -> None:
    path = tmp_path / "thing"
    assert callable(make)
    make(path)
    code, out, err = run("analyze", path)
    assert (code, out) == (3, "")
    assert err.startswith(f"smalldump: {path}: ")
    assert words in err
    assert err.count("\n") == 1


def test_a_mistake_in_one_dump_does_not_stop_the_rest(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("smalldump.cli.analyze")
    real = module.analyze_source

    def mistaken(source: object, **options: bool) -> object:
        if "a-2026" in getattr(source, "name", ""):
            raise ZeroDivisionError("one over none")
        return real(source, **options)

    monkeypatch.setattr(module, "analyze_source", mistaken)
    code, out, err = run("analyze", folder)
    assert code == 3
    assert "a-2026.dmp: internal error, please report it: ZeroDivisionError at test_analyze.py:" in err
    assert "b-2008.dmp" in out


def test_without_a_path_it_is_wrong_usage_except_on_windows(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("smalldump.cli.analyze"), "default_folder", lambda: None)
    code, out, err = run("analyze")
    assert (code, out) == (2, "")
    assert "name a dump, a folder, an archive, or - for standard input" in err


def test_without_a_path_on_windows_it_is_the_minidump_folder(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("smalldump.cli.analyze"), "default_folder", lambda: folder)
    assert "a-2026.dmp" in run("analyze").out


def test_a_minidump_folder_that_is_refused_is_explained(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module("smalldump.cli.analyze")
    refusal = SourceUnreadable(str(tmp_path), "access is denied (run as administrator)")
    monkeypatch.setattr(module, "default_folder", lambda: tmp_path)
    monkeypatch.setattr(module, "expand", lambda _: iter([Origin(tmp_path, error=refusal)]))
    code, _, err = run("analyze")
    assert code == 3
    assert err == f"smalldump: {tmp_path}: access is denied (run as administrator)\n"


def test_a_minidump_folder_that_is_missing_means_no_crash(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "Minidump"
    monkeypatch.setattr(import_module("smalldump.cli.analyze"), "default_folder", lambda: missing)
    code, out, err = run("analyze")
    assert (code, out) == (3, "")
    assert err == f"smalldump: {missing}: there is no such folder: Windows has kept no small dump on this machine yet\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_hostile_names_are_shown_escaped(run: Run, tmp_path: Path) -> None:
    hostile = "evil\x1b]0;owned\x07\u202efdp.dmp"
    x64_dump().save(tmp_path, hostile)
    (tmp_path / "evil\x1b[2J.dmp").write_bytes(b"")
    _, out, err = run("analyze", tmp_path, tmp_path / hostile)
    assert r"evil\x1b]0;owned\x07\u202efdp.dmp" in out
    assert r"evil\x1b[2J.dmp: " in err
    assert not set("\x1b\x07\u202e") & set(out + err)


def test_the_order_does_not_depend_on_the_processes(start: Run, archive: Path, folder: Path) -> None:
    alone, shared = (start("analyze", "--jobs", jobs, archive, folder) for jobs in (1, 2))
    assert alone == shared
    assert alone.code == 3
    assert alone.out.count("wobblefs.sys") > 2
