"""`list`: every kind of file in a folder, by time; and what `--keep` removes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from smalldump.minidumps import MinidumpDirectory, Reserve
from smalldump.minidumps.filesystem import FileSystem
from tests.cli.conftest import Run
from tests.minidumps.disks import contents
from tests.synth import arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump


@pytest.fixture
def minidump(tmp_path: Path) -> Path:
    """Three dumps under the names of Windows: 2000, 2008, 2026."""
    folder = tmp_path / "Minidump"
    folder.mkdir()
    win2000_dump().save(folder, "Mini022900-01.dmp")
    x86_dump().save(folder, "Mini041408-02.dmp")
    x64_dump().save(folder, "112226-8765-01.dmp")
    return folder


@pytest.fixture
def motley(tmp_path: Path) -> Path:
    """A folder with a file in every state that a file can be in."""
    folder = tmp_path / "motley"
    folder.mkdir()
    x64_dump().save(folder, "whole.dmp")
    x64_dump().truncated("marker").save(folder, "cut.DMP")
    x64_dump().patch("TRIAGE_DUMP.ValidOffset", 8).save(folder, "damaged.dmp")
    x64_dump().patch("DUMP_HEADER.DumpType", 1).save(folder, "complete.dmp")
    (folder / "secondary.dmp").write_bytes(kernel_written_dump().bytes[:-0x10])
    (folder / "text.dmp").write_bytes(b"no dump at all")
    (folder / "nothing.dmp").write_bytes(b"")
    (folder / "folder.dmp").mkdir()
    (folder / "notes.txt").write_text("no dump, and not called one")
    return folder


STATES = {
    "whole.dmp": "whole",
    "cut.DMP": "cut",
    "damaged.dmp": "damaged",
    "complete.dmp": "other_dump",
    "secondary.dmp": "secondary_cut",
    "text.dmp": "not_a_dump",
    "nothing.dmp": "empty",
}


def rows(run: Run, *arguments: object) -> list[dict[str, object]]:
    """What `--format json` gives."""
    code, out, err = run("list", *arguments, "--format", "json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert isinstance(found, list)
    return found


def test_rows_by_time(run: Run, minidump: Path) -> None:
    code, out, err = run("list", minidump, COLUMNS="140")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split("  ")[0] == "Time (UTC)"
    assert [line.split()[2] for line in lines[2:]] == ["Mini022900-01.dmp", "Mini041408-02.dmp", "112226-8765-01.dmp"]
    last = "2026-11-22 07:55  112226-8765-01.dmp  0xD1 DRIVER_IRQL_NOT_LESS_OR_EQUAL"
    assert lines[-1].startswith(last)
    size = (minidump / "112226-8765-01.dmp").stat().st_size
    assert lines[-1].removeprefix(last).split() == ["x64", "19041", "dbgeng", f"{size:,}", "whole"]


def test_a_narrow_screen_keeps_time_name_and_state(run: Run, minidump: Path) -> None:
    out = run("list", minidump, COLUMNS="60").out
    assert "Machine" not in out
    assert "2026-11-22 07:55  112226-8765-01.dmp  0xD1 " in out


def test_all_kinds_of_files(run: Run, motley: Path) -> None:
    assert {row["name"]: row["state"] for row in rows(run, motley)} == STATES
    out = run("list", motley).out
    assert len(out.splitlines()) == 2 + len(STATES)
    assert "header damaged" in out
    assert "another kind of dump" in out
    found = {row["name"]: row for row in rows(run, motley)}
    assert found["text.dmp"]["machine"] == {"absent": "not_captured"}
    assert all(bool(row["why"]) == (row["state"] != "whole") for row in found.values())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes among its files")
def test_a_pipe_is_not_waited_for(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.dmp")
    assert [row["state"] for row in rows(run, tmp_path)] == ["unreadable"]


def test_the_facts_as_json(run: Run, minidump: Path, tmp_path: Path) -> None:
    arm64_dump().save(minidump, "100321-14218-01.dmp")
    found = {str(row["name"]): row for row in rows(run, minidump)}
    dump = x64_dump()
    assert found["112226-8765-01.dmp"] == {
        "path": str(minidump / "112226-8765-01.dmp"),
        "name": "112226-8765-01.dmp",
        "state": "whole",
        "why": "",
        "removed": False,
        "size": len(dump),
        "time_utc": "2026-11-22T07:55:01.250Z",
        "uptime_s": 4834.567,
        "bug_check": {
            "code": "0x000000d1",
            "stored_code": "0x000000d1",
            "name": "DRIVER_IRQL_NOT_LESS_OR_EQUAL",
            "parameters": [f"{dump.number(f'DUMP_HEADER.BugCheckParameter{number}'):#x}" for number in (1, 2, 3, 4)],
        },
        "machine": "x64",
        "build": 19041,
        "processors": 12,
        "writer": "dbgeng",
    }
    assert found["Mini022900-01.dmp"]["uptime_s"] == {"absent": "not_captured"}
    assert (found["100321-14218-01.dmp"]["machine"], found["100321-14218-01.dmp"]["build"]) == ("ARM64", 22000)


def test_json_lines(run: Run, minidump: Path) -> None:
    lines = run("list", minidump, "--format", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == rows(run, minidump)


def test_an_empty_folder(run: Run, tmp_path: Path) -> None:
    assert run("list", tmp_path) == (0, f"no dumps in {tmp_path}\n", "")
    assert rows(run, tmp_path) == []
    assert run("list", tmp_path, "--format", "jsonl") == (0, "", "")


def test_an_unknown_stop_code(run: Run, tmp_path: Path) -> None:
    x64_dump().patch("DUMP_HEADER.BugCheckCode", 0xDEADBEEF).save(tmp_path, "x.dmp")
    assert "  0xDEADBEEF  " in run("list", tmp_path).out
    (row,) = rows(run, tmp_path)
    assert row["bug_check"] == dict(row["bug_check"], code="0xdeadbeef", name=None)  # type: ignore[call-overload]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_names_cannot_command_the_terminal(run: Run, tmp_path: Path) -> None:
    x64_dump().save(tmp_path, "a\x1b[2J\n\u202e.dmp")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.dmp")).write_bytes(b"")
    (tmp_path / f"{'long' * 60}.dmp").write_bytes(b"")
    out = run("list", tmp_path).out
    assert out.isascii()
    assert r"a\x1b[2J\n\u202e.dmp" in out
    assert r"\udcff.dmp" in out
    assert max(map(len, out.splitlines())) < 140
    names = {str(row["name"]) for row in rows(run, tmp_path)}
    assert names == {path.name for path in tmp_path.iterdir()}


def test_no_folder(run: Run, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", x64_dump().save(tmp_path, "x.dmp")):
        code, out, err = run("list", path)
        assert (code, out) == (3, "")
        assert err.startswith(f"smalldump: {path}: cannot list: ")
        assert err.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has a folder of its own")
def test_without_a_folder_elsewhere(run: Run) -> None:
    code, out, err = run("list")
    assert (code, out) == (2, "")
    assert "name a folder" in err


def test_without_a_folder_on_windows(run: Run, minidump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smalldump.cli.list.default_folder", lambda: minidump)
    assert run("list") == run("list", minidump)


@pytest.mark.parametrize(
    "arguments", [["--keep", "0"], ["--keep", "-1"], ["--keep", "all"], ["--format", "xml"], ["b"]]
)
def test_wrong_usage(run: Run, minidump: Path, arguments: list[str]) -> None:
    before = contents(minidump)
    code, out, err = run("list", minidump, *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert contents(minidump) == before


def test_keep_removes_the_oldest_and_says_which(run: Run, minidump: Path) -> None:
    code, out, err = run("list", minidump, "--keep", "1")
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == ["removed Mini022900-01.dmp", "removed Mini041408-02.dmp"]
    assert out.splitlines()[-1].split()[2] == "112226-8765-01.dmp"
    assert list(contents(minidump)) == ["112226-8765-01.dmp"]
    assert "removed" not in run("list", minidump, "--keep", "1").out
    assert list(contents(minidump)) == ["112226-8765-01.dmp"]


def test_keep_as_json(run: Run, minidump: Path) -> None:
    abandoned = minidump / ".smalldump-77-0123abcd.tmp"
    abandoned.write_bytes(b"half a dump")
    os.utime(abandoned, (0, 0))
    found = {row["name"]: row["removed"] for row in rows(run, minidump, "--keep", "2")}
    assert found == {
        abandoned.name: True,
        "Mini022900-01.dmp": True,
        "Mini041408-02.dmp": False,
        "112226-8765-01.dmp": False,
    }
    assert sorted(contents(minidump)) == ["112226-8765-01.dmp", "Mini041408-02.dmp"]


def test_keep_leaves_all_other_files_alone(run: Run, motley: Path, minidump: Path) -> None:
    for path in motley.iterdir():
        path.rename(minidump / path.name)
    run("list", minidump, "--keep", "1")
    left = {path.name for path in minidump.iterdir()}
    assert left == {*STATES, "folder.dmp", "notes.txt", "112226-8765-01.dmp"}


def test_what_could_not_be_removed_is_told(run: Run, minidump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remove, count = FileSystem.remove, iter(range(9))

    def second_fails(disk: FileSystem, path: Path) -> None:
        if next(count) == 1:
            raise PermissionError(13, "Permission denied")
        remove(disk, path)

    monkeypatch.setattr(FileSystem, "remove", second_fails)
    code, out, err = run("list", minidump, "--keep", "1")
    assert (code, out) == (5, "")
    assert err == (
        "smalldump: removed Mini022900-01.dmp\n"
        f"smalldump: {minidump / 'Mini041408-02.dmp'}: cannot remove: Permission denied\n"
    )


def test_dumps_in_the_reserve_are_told(run: Run, minidump: Path) -> None:
    reserve = Reserve(minidump)
    reserve.make(0x40000, slots=2)
    assert run("list", minidump).err == ""
    reserve.fill(x64_dump().bytes)
    assert run("list", minidump).err == f"smalldump: a dump waits in the reserve: smalldump recover {minidump}\n"
    reserve.fill(x86_dump().bytes)
    assert "2 dumps wait" in run("list", minidump).err


def test_in_a_process_of_its_own(start: Run, minidump: Path) -> None:
    code, out, err = start("list", minidump, "--keep", "2", "--format", "jsonl")
    assert (code, err) == (0, "")
    assert [json.loads(line)["removed"] for line in out.splitlines()] == [True, False, False]
    assert len(MinidumpDirectory(minidump).by_time()) == 2
    assert start("list", minidump, COLUMNS="200").out.count("\n") == 4
