"""`check`: state, findings and exit code of each file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.physical_files import complete_dump, page
from tests.synth import DAMAGES, x64_dump


def test_a_whole_dump_is_one_line(run: Run, dump: Path) -> None:
    assert run("check", dump) == (0, f"{dump}: whole\n", "")


def test_verbose_says_what_can_be_read(run: Run, dump: Path) -> None:
    out = run("check", "-v", dump).out
    assert "\n  readable: bug check, registers, call stack" in out


def test_a_damaged_dump(run: Run, damaged: Path) -> None:
    code, out, err = run("check", damaged)
    first, *findings, readable = out.splitlines()
    assert (code, err) == (4, "")
    assert first == f"{damaged}: damaged"
    assert any(line.startswith("  error: ") and line.endswith("]") for line in findings)
    assert readable.startswith("  readable: bug check")


def test_a_batch(run: Run, dump: Path, folder: Path) -> None:
    code, out, err = run("check", dump, folder, "nowhere.dmp")
    states = [line for line in out.splitlines() if not line.startswith(" ")]
    assert code == 3
    assert states == [
        f"{dump}: whole",
        f"{folder / 'a-2026.dmp'}: whole",
        f"{folder / 'b-2008.dmp'}: whole",
        f"{folder / 'c-text.dmp'}: not a memory dump",
    ]
    assert err == "smalldump: nowhere.dmp: no such file or folder\n"


def test_what_unpacking_memory_has_cost_is_said(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "MEMORY.DMP.gz"
    path.write_bytes(gzip.compress(complete_dump({1: page(1)})))
    err = run("check", path).err
    assert err.startswith(f"smalldump: {path}: unpacked from gzip into a temporary file in 0 s: 12 KiB, ")


@pytest.mark.parametrize(("flags", "code"), [([], 0), (["--fail-on", "error"], 0), (["--fail-on", "warning"], 1)])
def test_fail_on(run: Run, tmp_path: Path, flags: list[str], code: int) -> None:
    warned = x64_dump().damaged("stale tail").save(tmp_path)
    ran = run("check", *flags, warned)
    assert ran.code == code
    assert "\n  warning: " in ran.out


@pytest.mark.parametrize("kind", DAMAGES)
def test_no_damage_upsets_it(run: Run, tmp_path: Path, kind: str) -> None:
    broken = x64_dump().damaged(kind).save(tmp_path)
    code, out, err = run("check", broken)
    assert code in (0, 3, 4)
    assert err == ""
    state = out.partition("\n")[0].rpartition(": ")[2]
    assert state == {0: "whole", 3: "not a memory dump", 4: "damaged"}[code]


@pytest.mark.parametrize("kind", DAMAGES)
def test_analyze_agrees_with_check(run: Run, tmp_path: Path, kind: str) -> None:
    broken = x64_dump().damaged(kind).save(tmp_path)
    analyzed, checked = run("analyze", broken), run("check", broken)
    assert analyzed.code == checked.code
    assert "internal error" not in analyzed.err
