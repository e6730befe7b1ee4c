"""Plug-ins: rules of others that take part in the analysis, in the four phases that `!analyze` has.

What a plug-in says is always under its name. One that fails, or answers with what it was not asked for, loses its part
of the phase and all later ones for that dump, and is named; the rest of the analysis does not notice.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from smalldump.analysis.evidence import Evidence
from smalldump.analysis.remarks import Failure, Remark
from smalldump.analysis.result import Analysis
from smalldump.analysis.verdict import Verdict
from smalldump.analysis.weights import Kind
from smalldump.model import Absent, Snapshot
from smalldump.unwind import Stacks

__all__ = ["ENTRY_POINTS", "AnalysisPlugin", "Plugins", "installed_plugins"]

ENTRY_POINTS = "smalldump.analysis_plugins"
"""Group of entry points; each names an `AnalysisPlugin` or a class of them that is made without arguments."""

T = TypeVar("T")
_FAILING = (Exception, SystemExit)  # a rule that wants to end the process must not cost the analysis
_MOST_ANSWERS, _LONGEST = 32, 1000


class AnalysisPlugin:
    """Base of plug-ins; a plug-in overrides the phases that it needs.

    Attributes:
        name: By which evidence and remarks are known.
    """

    name = ""

    def start(self, machine: Snapshot) -> bool:  # noqa: ARG002  for those who override it
        """Whether the plug-in has anything to say of this machine; it is asked nothing more if it has not."""
        return True

    def after_stack(self, machine: Snapshot, stacks: Stacks) -> Iterable[tuple[str, str]]:  # noqa: ARG002  for those who override it
        """Evidence, once the call stack is known: a driver's name as WinDbg has it (`wobblefs`), and why."""
        return ()

    def before_bucket(self, machine: Snapshot, verdict: Verdict) -> Iterable[str]:  # noqa: ARG002  for those who override it
        """What to do next, in sentences, once the verdict is reached."""
        return ()

    def after_bucket(self, machine: Snapshot, analysis: Analysis) -> Iterable[Remark]:  # noqa: ARG002  for those who override it
        """What else to know, once everything is worked out."""
        return ()


def installed_plugins() -> Iterator[AnalysisPlugin | Failure]:
    """The plug-ins that installed packages name; one that cannot be loaded is a `Failure`."""
    if not _any_installed():
        return
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS):
        try:
            found = entry.load()
            yield found() if isinstance(found, type) else found
        except _FAILING as error:
            yield Failure(entry.name, "loading", _words(error))


def _any_installed() -> bool:
    # Mostly there is none, and to import importlib.metadata takes longer than to analyse a dump.
    group = f"[{ENTRY_POINTS}]".encode()
    folders = (Path(folder) for folder in sys.path if folder)
    try:
        return any(group in file.read_bytes() for folder in folders for file in folder.glob("*-info/entry_points.txt"))
    except OSError:
        return True  # the library knows how to go on


class Plugins:
    """The plug-ins at work on one machine.

    Attributes:
        failures: Those that failed so far.
    """

    def __init__(self, machine: Snapshot, plugins: Iterable[AnalysisPlugin | Failure] = ()) -> None:
        self._machine = machine
        self._at_work: list[AnalysisPlugin] = []
        self.failures: list[Failure] = []
        for plugin in plugins:
            if isinstance(plugin, Failure):
                self.failures.append(plugin)
            elif any(self._ask(plugin, "start", lambda plugin: (plugin.start(machine),), bool)):
                self._at_work.append(plugin)

    def evidence(self, stacks: Stacks) -> tuple[Evidence, ...]:
        """What the plug-ins hold for evidence; only of drivers that are, or were, loaded."""
        asked = self._all("after_stack", lambda plugin: plugin.after_stack(self._machine, stacks), self._evidence)
        return tuple(Evidence(Kind.PLUGIN, module, f"{name}: {text}") for name, (module, text) in asked)

    def next_steps(self, verdict: Verdict) -> tuple[str, ...]:
        """What the plug-ins advise."""
        asked = self._all("before_bucket", lambda plugin: plugin.before_bucket(self._machine, verdict), _sentence)
        return tuple(text for _name, text in asked)

    def remarks(self, analysis: Analysis) -> tuple[Remark, ...]:
        """What the plug-ins remark."""
        asked = self._all("after_bucket", lambda plugin: plugin.after_bucket(self._machine, analysis), _remark)
        return tuple(remark for _name, remark in asked)

    def _all(
        self, phase: str, ask: Callable[[AnalysisPlugin], Iterable[object]], accept: Callable[[object], T]
    ) -> list[tuple[str, T]]:
        answers: list[tuple[str, T]] = []
        for plugin in tuple(self._at_work):
            before = len(self.failures)
            found = self._ask(plugin, phase, ask, accept)
            if len(self.failures) > before:
                self._at_work.remove(plugin)
            answers += [(_name(plugin), each) for each in found]
        return answers

    def _ask(
        self,
        plugin: AnalysisPlugin,
        phase: str,
        ask: Callable[[AnalysisPlugin], Iterable[object]],
        accept: Callable[[object], T],
    ) -> list[T]:
        try:
            found = [accept(answer) for answer in islice(ask(plugin), _MOST_ANSWERS + 1)]
        except _FAILING as error:
            self.failures.append(Failure(_name(plugin), phase, _words(error)))
            return []
        if len(found) > _MOST_ANSWERS:
            self.failures.append(Failure(_name(plugin), phase, f"more than {_MOST_ANSWERS} answers: the rest is lost"))
        return found[:_MOST_ANSWERS]

    def _evidence(self, answer: object) -> tuple[str, str]:
        module, text = answer if isinstance(answer, tuple) and len(answer) == 2 else (None, None)
        if not isinstance(module, str):
            raise TypeError("evidence is the name of a driver and a reason")
        gone = self._machine.unloaded_modules
        unloaded = set() if isinstance(gone, Absent) else {each.name for each in gone}
        if self._machine.modules.named(module) is None and module not in unloaded:
            raise ValueError(f"no driver {module!r} is or was loaded")
        return module, _sentence(text)


def _name(plugin: AnalysisPlugin) -> str:
    try:
        return str(plugin.name)[:_LONGEST] or type(plugin).__name__
    except _FAILING:
        return type(plugin).__name__


def _sentence(answer: object) -> str:
    if not isinstance(answer, str) or not answer:
        raise TypeError("a text is wanted")
    return answer[:_LONGEST]


def _remark(answer: object) -> Remark:
    if not isinstance(answer, Remark):
        raise TypeError("a Remark is wanted")
    return Remark(_sentence(answer.source), _sentence(answer.text), str(answer.link)[:_LONGEST])


def _words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:_LONGEST]
    except _FAILING:
        return type(error).__name__
