"""How the tests of the checks ask: which findings a synthetic dump has, and which a change to it brings."""

from __future__ import annotations

from smalldump.checking.findings import findings
from smalldump.checking.verdict import check
from smalldump.model.records import Finding, Severity
from smalldump.sources.small import SmallDump
from smalldump.sources.triage_file import TriageFile
from tests.synth import Dump

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def divided(dump: Dump) -> TriageFile:
    """The dump, divided."""
    return TriageFile(memoryview(dump.bytes))


def findings_of(dump: Dump) -> tuple[Finding, ...]:
    """The findings of a dump that can be opened."""
    return findings(SmallDump(memoryview(dump.bytes)))


def codes(dump: Dump) -> set[str]:
    """The codes of all findings of a file, whatever it is."""
    return {finding.code for finding in check(memoryview(dump.bytes)).findings}


def new_finding(whole: Dump, changed: Dump, code: str) -> Finding:
    """The one finding with that code that `changed` has and `whole` does not."""
    assert code not in codes(whole)
    (finding,) = (finding for finding in findings_of(changed) if finding.code == code)
    return finding
