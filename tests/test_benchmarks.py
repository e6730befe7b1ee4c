"""The benchmarks: that each is run, and that those of the writer measure what they say. Times are never asserted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from benchmarks import big, big_machines, capture, listing, writing
from benchmarks.__main__ import BENCHMARKS, chosen

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


def test_every_benchmark_is_run() -> None:
    modules = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if not path.stem.startswith("__")}
    assert set(BENCHMARKS) == modules


def test_names_and_a_folder_are_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMALLDUMP_SAMPLES", str(tmp_path))
    assert chosen([]) == (list(BENCHMARKS), tmp_path)
    assert chosen(["writing"]) == (["writing"], tmp_path)
    assert chosen([str(EXAMPLES), "listing", "speed"]) == (["listing", "speed"], EXAMPLES)


@pytest.mark.parametrize("words", [["wrinting"], ["examples", "nowhere"]])
def test_anything_else_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit, match=f"no benchmark, and no folder: {words[-1]} "):
        chosen(words)


def test_writing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(writing, "_ROUNDS", 1)
    shutil.copy(EXAMPLES / "112226-8765-01.dmp", tmp_path)
    writing.main(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("65,536 bytes of zeros, written and synced: ")
    assert re.fullmatch(r"112226-8765-01\.dmp +144,660( +\d+\.\d\d){3} +99,708 +\d+", lines[3])


def test_listing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_FILES", 20)
    monkeypatch.setattr(listing, "_ROUNDS", 1)
    listing.main(EXAMPLES)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:3]] == ["by_time, 20 files", "scandir, open, read 8 KiB"]


def test_big_files(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(big, "_SIZES", (1, 2))
    monkeypatch.setattr(big, "_SCANNED", 4 << 20)
    big.main(tmp_path)
    lines = [line for line in capsys.readouterr().out.splitlines() if "kdmp-parser" not in line]
    assert len(lines) == 1 + 2 * 5 + 2
    reads = {line.rpartition(" GB")[0]: int(line.split()[-2].replace(",", "")) for line in lines[1:11]}
    assert reads["complete, 1"] == reads["raw, 2"] == reads["ELF core, 1"] == reads["LiME, 2"] == 2000
    assert 900 < reads["bitmap, 2"] < 1100


def test_big_machines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As many pages are read of a machine in 2 GB as of one in 1 GB, and less than 150 MB of memory are in use."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(big_machines, "_SIZES", (1, 2))
    monkeypatch.setattr(big_machines, "_SCANNED", 16 << 20)
    monkeypatch.setattr(big_machines, "_KINDS", {kind: big_machines._KINDS[kind] for kind in ("complete", "raw")})
    monkeypatch.setattr(big_machines, "_COMPARED", ("complete",))
    big_machines.main(tmp_path)
    out = capsys.readouterr().out
    found = re.findall(r"^(\w+), [12] GB(?: +[\d.]+){5} +(\d+) +([\d.]+) +[\d.]+$", out, re.MULTILINE)
    assert [kind for kind, *_ in found] == ["complete", "complete", "raw", "raw"]
    assert all(float(peak) < 150 for *_, peak in found)
    read = {kind: {pages for name, pages, _ in found if name == kind} for kind in ("complete", "raw")}
    assert [len(pages) for pages in read.values()] == [1, 1]
    assert re.search(r"searched for page tables: [\d.]+ GB/s", out)


def test_capture(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(capture, "_SIZES", (1,))
    monkeypatch.setattr(capture, "_MEGABYTES", 32)
    monkeypatch.setattr(capture, "_PANICS", 2)
    monkeypatch.setattr(capture, "_kinds", lambda: iter([("plain", False, True), ("encoded", True, False)]))
    capture.main(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert [re.fullmatch(r"1 GB, (plain|encoded)( +\d+\.\d){5}", line) is not None for line in lines] == [False] * 2 + [
        True
    ] * 2
