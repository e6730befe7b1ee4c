"""The labelled cases of `verdict_cases.toml`: how each is built or found, and how our verdict compares with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from smalldump.analysis import analyse
from smalldump.analysis.culprit import CulpritKind
from smalldump.analysis.verdict import Verdict
from smalldump.model import Snapshot
from smalldump.sources.detect import open_snapshot
from tests.synth import Dump
from tests.synth.io_objects import power_memory
from tests.synth.posted import Line, Posted, posted_dump

__all__ = ["Label", "Outcome", "Ranked", "built_cases", "posted_cases", "sample_cases", "sample_machine"]

_TABLE: Mapping[str, list[dict[str, Any]]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


class Label(NamedTuple):
    """Who did it, and who says so.

    Attributes:
        name: Of the case: a word, or the id of a sample.
        kind: driver, hardware, process, on request, nobody.
        culprit: File name of the driver, name of the process; else empty.
        by: What the label rests on.
        source: Where that is to be read.
        ours: What we answer today: `right high`.
        beset: The same with old return addresses of others on the stack, for posted cases.
        why: Why `ours` is not right, where it is not.
    """

    name: str
    kind: str
    culprit: str
    by: str
    source: str
    ours: str
    beset: str
    why: str


class Outcome(NamedTuple):
    """Our verdict against a label: right, wrong or undecided; with what confidence; whom it names."""

    result: str
    confidence: str
    named: str

    @property
    def words(self) -> str:
        """As the table pins it."""
        return f"{self.result} {self.confidence}"


class Ranked(NamedTuple):
    """A labelled case with its machine."""

    label: Label
    machine: Snapshot

    def outcome(self) -> Outcome:
        """What our verdict makes of it."""
        return _outcome(analyse(self.machine).verdict, self.label)


def _outcome(verdict: Verdict, label: Label) -> Outcome:
    named = (verdict.culprit.file or verdict.culprit.name) if verdict.culprit else verdict.kind.value
    return Outcome(_result(verdict, label), verdict.confidence.value, named)


def _result(verdict: Verdict, label: Label) -> str:
    undecided = verdict.kind is CulpritKind.UNDECIDED
    if label.kind == "nobody":
        return "right" if undecided else "wrong"
    if undecided:
        return "undecided"
    return "right" if _agrees(verdict, label) else "wrong"


def _agrees(verdict: Verdict, label: Label) -> bool:
    kinds = {
        "driver": (CulpritKind.DRIVER, CulpritKind.UNLOADED_DRIVER),
        "hardware": (CulpritKind.HARDWARE,),
        "process": (CulpritKind.PROCESS,),
        "on request": (CulpritKind.USER, CulpritKind.LIVE_DUMP),
    }
    if verdict.kind not in kinds[label.kind]:
        return False
    named = (verdict.culprit.file or verdict.culprit.name) if verdict.culprit else ""
    return not label.culprit or named.lower() == label.culprit.lower()


def _label(row: Mapping[str, Any]) -> Label:
    kind, _, culprit = row["label"].partition(" ") if row["label"] != "on request" else (row["label"], "", "")
    name = row.get("name") or row.get("id") or row["story"]
    by = row.get("by", "story")
    ours = row["ours"]
    return Label(name, kind, culprit, by, row.get("source", ""), ours, row.get("beset", ours), row.get("why", ""))


def posted_cases(*, stale: bool = False) -> Iterator[Ranked]:
    """The posted cases, each rebuilt as a small dump; with old return addresses of others on the stack if `stale`."""
    for row in _TABLE["posted"]:
        yield Ranked(_label(row), _machine(posted_dump(_posted(row), stale=stale), row["name"]))


def built_cases() -> Iterator[Ranked]:
    """The machines that stories made for their labels."""
    for row in _TABLE["built"]:
        story = import_module(f"tests.synth.stories.{row['story']}")
        facts = {"bug_check": tuple(_numbers(row["stop"]))} if "stop" in row else {}
        yield Ranked(_label(row), _machine(story.builder().with_(**facts).build(), story.FILE))


def _machine(dump: Dump, name: str) -> Snapshot:
    return open_snapshot(memoryview(dump.bytes), f"{name}.dmp")


def _posted(row: Mapping[str, Any]) -> Posted:
    stop, modules = _numbers(row["stop"]), {file: int(base, 16) for file, base in row.get("modules", {}).items()}
    facts: dict[str, Any] = {key: int(row[key], 16) for key in ("context", "trap", "record", "status") if key in row}
    if "fault" in row:
        facts["fault"] = tuple(_numbers(row["fault"]))
    if "process" in row:
        address, name = row["process"].split()
        facts["process"] = (int(address, 16), name)
    if "holder" in row:
        holder, bus = (modules[file] for file in row["holder"].split())
        facts["memory"] = power_memory(stop[4], stop[2], holder + 0x1000, bus + 0x1000)
    places = {file: int(address, 16) for file, address in row.get("places", {}).items()}
    lines = tuple(map(_line, row.get("stack", "").splitlines()))
    code, one, two, three, four = stop
    return Posted((code, one, two, three, four), lines, modules, places, broken=row.get("broken", ""), **facts)


def _numbers(words: str) -> list[int]:
    return [int(word, 16) for word in words.split()]


def _line(text: str) -> Line:
    sp, back, place, *trap = text.split()
    return Line(int(sp, 16), int(back, 16), place, bool(trap))


def sample_cases(samples: Path) -> Iterator[Ranked]:
    """The labelled ones of the real dumps, as far as they are there."""
    for row in _TABLE["sample"]:
        path = samples / "dumps" / f"{row['id']}.dmp"
        if path.exists():
            yield Ranked(_label(row), sample_machine(path))


def sample_machine(path: Path) -> Snapshot:
    """The machine of one real dump, in memory."""
    return open_snapshot(memoryview(path.read_bytes()), path.name)
