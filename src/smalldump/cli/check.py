"""`smalldump check`: whether files are whole dumps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import click

from smalldump.checking import CheckResult, FileState
from smalldump.checking import check as check_bytes
from smalldump.cli.console import say
from smalldump.cli.exits import ExitCode, of_findings, of_state
from smalldump.cli.options import fail_on_option, no_terminal
from smalldump.cli.outcomes import Outcome, told
from smalldump.cli.progress import Watch
from smalldump.cli.workers import outcomes_of
from smalldump.escape import escape
from smalldump.intake import ByteSource, expand
from smalldump.model import Finding, Severity

__all__ = ["Check", "check"]

_STATES = {
    FileState.WHOLE: ("whole", "green"),
    FileState.DAMAGED: ("damaged", "yellow"),
    FileState.NOT_A_DUMP: ("not a memory dump", "red"),
}


@dataclass(frozen=True)
class Check:
    """What is done with each file.

    Attributes:
        verbose: Whether remarks are told too, and what can be read of whole files.
        fail_on: The severity of findings that fail, or None.
    """

    verbose: bool
    fail_on: str | None

    def __call__(self, source: ByteSource) -> Outcome:
        """Check one file."""
        result = check_bytes(source.data, source.name, source.beside)
        if result.dump is not None:
            result.dump.close()
        severities = (finding.severity.value for finding in result.findings)
        code = max(of_state(result.state.value), of_findings(severities, self.fail_on))
        return Outcome(source.name, code, "\n".join(self._lines(result)))

    def _lines(self, result: CheckResult) -> Iterator[str]:
        words, colour = _STATES[result.state]
        yield f"{result.name}: {click.style(words, fg=colour)}"
        for finding in result.findings:
            if self.verbose or finding.severity is not Severity.INFO:
                yield _finding_line(finding)
        if result.readable and (self.verbose or result.state is FileState.DAMAGED):
            yield f"  readable: {', '.join(result.readable)}"


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(), callback=no_terminal)
@click.option("-v", "--verbose", is_flag=True, help="Tell remarks too, and what can be read of whole dumps.")
@fail_on_option
def check(paths: tuple[str, ...], verbose: bool, fail_on: str | None) -> int:
    """Say whether files are whole dumps; what is damaged, and what can still be read.

    PATH is a dump, a folder of dumps, an archive of them, or - for standard input. Each gets a line with its state
    (whole, damaged, not a memory dump) and a line for each finding, with its stable name and its place.

    The exit code is 0 if all are whole, 4 if one is damaged, 3 if one is no dump or cannot be read.
    """
    code, watch = ExitCode.OK, Watch(paths)
    for outcome in told(watch.outcomes(outcomes_of(watch.origins(expand(paths)), Check(verbose, fail_on), jobs=1))):
        code = max(code, outcome.code)
        if outcome.text is not None:
            say(outcome.text)
    return code


def _finding_line(finding: Finding) -> str:
    place = "" if finding.offset is None else f" (offset {finding.offset:#x})"
    return f"  {finding.severity.value}: {escape(finding.message)}{place} [{finding.code}]"
