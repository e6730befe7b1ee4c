"""Plug-ins: they take part in each phase, under their names, and whatever they do wrong costs only their own part."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from smalldump.analysis import Analysis, analyse
from smalldump.analysis.plugins import AnalysisPlugin, installed_plugins
from smalldump.analysis.remarks import Failure, Remark
from smalldump.analysis.verdict import Verdict
from smalldump.model import Snapshot
from smalldump.unwind import Stacks
from tests.analysis.buckets import built

WRONG = [3, (), ("other",), ("other", ""), ("other", 3), (3, "text"), ("nobody", "text")]


class Rule(AnalysisPlugin):
    name = "rule"

    def after_stack(self, machine: Snapshot, stacks: Stacks) -> Iterable[tuple[str, str]]:
        yield "other", f"its lock is held, {len(stacks.crash.frames)} frame"

    def before_bucket(self, machine: Snapshot, verdict: Verdict) -> Iterable[str]:
        yield f"Ask the maker of {verdict.culprit.name if verdict.culprit else 'nothing'}."

    def after_bucket(self, machine: Snapshot, analysis: Analysis) -> Iterable[Remark]:
        yield Remark("rule", f"bucket {analysis.bucket.words if analysis.bucket else None}", "https://example.org")


def machine() -> Snapshot:
    return built(0xA0000001, (1, 2, 3, 4), other="other.sys")


def test_all_phases() -> None:
    found = analyse(machine(), plugins=[Rule()])
    assert found.failures == ()
    assert [(each.kind.label, each.module, each.text) for each in found.verdict.evidence] == [
        ("plug-in", "other", "rule: its lock is held, 1 frame")
    ]
    assert found.verdict.culprit is not None
    assert found.verdict.next_steps[-1] == "Ask the maker of other."
    assert found.remarks == (Remark("rule", "bucket 0xA0000001_nt!unknown_function", "https://example.org"),)


def test_a_plug_in_that_has_nothing_to_say() -> None:
    class Quiet(Rule):
        def start(self, machine: Snapshot) -> bool:
            return not machine.modules

    assert analyse(machine(), plugins=[Quiet()])[:-2] == analyse(machine())[:-2]


@pytest.mark.parametrize("phase", ["start", "after_stack", "before_bucket", "after_bucket"])
@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3), RecursionError()])
def test_a_failing_plug_in_is_named_and_costs_nothing_else(phase: str, error: BaseException) -> None:
    def fails(*_: object) -> None:
        raise error

    broken = Rule()
    setattr(broken, phase, fails)
    found = analyse(machine(), plugins=[broken, Rule()])
    assert found.failures == (Failure("rule", phase, f"{type(error).__name__}: {error}"),)
    assert "Ask the maker of other." in found.verdict.next_steps
    assert len(found.remarks) == 1


def test_it_is_not_asked_again() -> None:
    class Once(Rule):
        def after_stack(self, machine: Snapshot, stacks: Stacks) -> Iterable[tuple[str, str]]:
            raise KeyError("x")

    found = analyse(machine(), plugins=[Once()])
    assert [each.phase for each in found.failures] == ["after_stack"]
    assert found.remarks == ()


@pytest.mark.parametrize("answer", WRONG, ids=repr)
def test_evidence_of_another_form_is_refused(answer: object) -> None:
    wrong = Rule()
    wrong.after_stack = lambda *_: [answer]  # type: ignore[method-assign]
    found = analyse(machine(), plugins=[wrong])
    assert [each.phase for each in found.failures] == ["after_stack"]
    assert found.verdict.evidence == ()


@pytest.mark.parametrize("answer", [None, "text", ("a", "b", "c"), Remark("a", "")], ids=repr)
def test_remarks_of_another_form_are_refused(answer: object) -> None:
    wrong = Rule()
    wrong.after_bucket = lambda *_: [answer]  # type: ignore[method-assign]
    assert [each.phase for each in analyse(machine(), plugins=[wrong]).failures] == ["after_bucket"]


def test_talkative_plug_ins_are_cut_short() -> None:
    def endless(*_: object) -> Iterable[str]:
        while True:
            yield "x" * 5000

    loud = Rule()
    loud.before_bucket = endless  # type: ignore[method-assign,assignment]
    found = analyse(machine(), plugins=[loud])
    assert found.failures == (Failure("rule", "before_bucket", "more than 32 answers: the rest is lost"),)
    steps = found.verdict.next_steps
    assert steps[-32:] == ("x" * 1000,) * 32
    assert steps.count("x" * 1000) == 32


def test_installed_plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(installed_plugins()) == []
    package = tmp_path / "rules-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: rules\nVersion: 1.0\n", "utf-8")
    (package / "entry_points.txt").write_text(POINTS, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    first, second, third = installed_plugins()
    assert isinstance(first, AnalysisPlugin)
    assert second is RULE
    assert third == Failure("c", "loading", "ModuleNotFoundError: No module named 'tests.analysis.nowhere'")
    assert analyse(machine(), plugins=[third]).failures == (third,)


RULE = Rule()
POINTS = """
[smalldump.analysis_plugins]
a = tests.analysis.test_plugins:Rule
b = tests.analysis.test_plugins:RULE
c = tests.analysis.nowhere:Rule
"""
