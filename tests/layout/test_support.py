"""The support matrix: its tests exist, its counts are those of the samples, and it leaves nothing out."""

from __future__ import annotations

import ast
import csv
import pkgutil
from collections import Counter
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import smalldump.layout
from smalldump.layout.builds import described_builds
from smalldump.layout.dump import MachineType
from smalldump.layout.record import Record
from smalldump.layout.support import STRUCTURES, WINDOWS, Evidence, WindowsSupport

ROOT = Path(__file__).resolve().parents[2]
_TESTS = sorted({entry.test for entry in WINDOWS} | {entry.test for entry in STRUCTURES})
_SPANS = [entry for entry in WINDOWS if entry.first]


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def entry_of(machine: MachineType, build: int) -> WindowsSupport:
    (found,) = (entry for entry in _SPANS if entry.machine is machine and entry.first <= build <= entry.last)
    return found


@pytest.mark.parametrize("test", _TESTS)
def test_named_tests_exist(test: str) -> None:
    path, _, name = test.partition("::")
    assert name.startswith("test_")
    assert name in functions_of(path)


def test_counts_are_those_of_the_format_reference() -> None:
    assert sum(entry.real for entry in WINDOWS) == 59
    assert sum(entry.symbols for entry in WINDOWS) == 51
    real = {(entry.first, entry.machine): entry.real for entry in WINDOWS if entry.real}
    x64, arm64 = MachineType.X64, MachineType.ARM64
    assert real == {(9600, x64): 40, (17763, x64): 3, (19041, x64): 15, (22000, arm64): 1}


def test_engine_written_dumps_are_counted(samples: Path) -> None:
    counts: Counter[WindowsSupport] = Counter()
    for index, machine in (("index.csv", None), ("index64.csv", MachineType.X64)):
        with (samples / "engine-written" / index).open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                kind = machine or (MachineType.X86 if row["bits"] == "32" else MachineType.X64)
                counts[entry_of(kind, int(row["build"]))] += bool(row["file_size"])
    assert {entry: entry.engine for entry in WINDOWS if entry.engine} == dict(counts)


def test_real_dumps_of_the_samples_are_covered(samples: Path) -> None:
    with (samples / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["dump_type"] == "4"]
    assert len(rows) >= 20
    for row in rows:
        machine, build = MachineType(int(row["machine"], 16)), int(row["build"].partition(".")[2])
        assert entry_of(machine, build).strongest is Evidence.REAL


@pytest.mark.parametrize("entry", _SPANS, ids=lambda entry: f"{entry.machine_name} {entry.builds}")
def test_symbols_stand_for_described_builds(entry: WindowsSupport) -> None:
    spans = described_builds(entry.machine)
    described = any(first <= entry.last and entry.first <= last for first, last in spans)
    assert described == bool(entry.symbols or entry.real)


@pytest.mark.parametrize("machine", [MachineType.X86, MachineType.X64, MachineType.ARM64])
def test_described_builds_have_an_entry(machine: MachineType) -> None:
    for structure in ("EPROCESS", "ETHREAD", "KPRCB"):
        for span in described_builds(machine, structure):
            for build in span:
                assert entry_of(machine, build)


def test_what_nothing_covers_is_called_unverified() -> None:
    words = {entry.evidence.partition(":")[0] for entry in WINDOWS}
    assert words == {"real dumps", "engine-written dumps", "symbols", "unverified"}
    windows_2000 = entry_of(MachineType.X86, 2195)
    assert windows_2000.evidence == "unverified: no public source lists its header's fields"
    others = [entry for entry in WINDOWS if entry.machine not in (MachineType.X86, MachineType.X64, MachineType.ARM64)]
    assert {entry.machine_name for entry in others} == {"ARM", "IA64", "Alpha", "Alpha64"}
    assert {(entry.strongest, entry.read) for entry in others} == {(Evidence.UNVERIFIED, "the header's facts")}


def test_every_record_has_an_entry() -> None:
    modules = [
        import_module(f"smalldump.layout.{info.name}") for info in pkgutil.iter_modules(smalldump.layout.__path__)
    ]
    declared = {
        each.__name__
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Record) and each is not Record
    }
    listed = [name for entry in STRUCTURES for name in entry.records]
    assert set(listed) == declared
    assert len(listed) == len(set(listed))
