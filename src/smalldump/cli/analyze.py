"""`smalldump analyze`: what crashed, why, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

import click

from smalldump.api import analyze_source
from smalldump.cli.console import paper_width, say
from smalldump.cli.exits import ExitCode, of_report
from smalldump.cli.history import together
from smalldump.cli.options import (
    fail_on_option,
    images_option,
    known_issues_option,
    no_terminal,
    private_option,
    symbols_option,
    verbose_option,
    wanted_plugins,
    wanted_sources,
)
from smalldump.cli.outcomes import Outcome, told
from smalldump.cli.overview import Row, block, row, table
from smalldump.cli.pages import page_path, paged
from smalldump.cli.progress import Watch
from smalldump.cli.workers import MOST_JOBS, outcomes_of
from smalldump.errors import SourceUnreadable
from smalldump.intake import ByteSource, default_folder, expand
from smalldump.report import Report
from smalldump.report.text import render
from smalldump.report.trace import Trace, trace_of

__all__ = ["Analysis", "analyze"]

_EPILOG = """
\b
Examples:
  smalldump analyze 112226-8765-01.dmp
  smalldump analyze Minidump sent-in.zip
  smalldump analyze --html minidump.html Minidump
  smalldump analyze --format jsonl --jobs 8 archive > reports.jsonl
  curl -s https://example.org/crash.dmp | smalldump analyze -
"""


@dataclass(frozen=True)
class Analysis:
    """What is done with each dump; it can be sent to another process.

    Attributes:
        form: `text`, `json` or `jsonl`.
        verbose: Whether everything in the dump is told.
        private: Whether serial numbers and unique identifiers are told.
        fail_on: The severity of findings that fail, or None.
        alone: Whether it is the only dump: several get only a few lines each.
        width: Of tables.
        symbols, images: Where images and symbols are looked for.
        known_issues: Files of known issues.
        page: Whether a page for a browser is made of all reports.
    """

    form: str
    verbose: bool
    private: bool
    fail_on: str | None
    alone: bool
    width: int
    symbols: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    known_issues: tuple[str, ...] = ()
    page: bool = False

    def __call__(self, source: ByteSource) -> Outcome:
        """Analyse one dump."""
        files = wanted_sources(self.symbols, self.images)
        rules, detailed = wanted_plugins(self.known_issues), self.verbose or self.page
        report = analyze_source(source, private=self.private, detailed=detailed, files=files, plugins=rules)
        return self._outcome(source, report)._replace(report=report if self.page else None)

    def _outcome(self, source: ByteSource, report: Report) -> Outcome:
        code = of_report(report, self.fail_on)
        if report["file.state"] == "not_a_dump":
            why = "; ".join(finding["message"] for finding in report["findings"])
            return Outcome(source.name, code, None if self.form == "text" else self._json(report), why)
        if self.form == "text":
            return self._told(source.name, code, report)
        return Outcome(source.name, code, self._json(report))

    def _told(self, name: str, code: ExitCode, report: Report) -> Outcome:
        trace = None if self.alone else trace_of(name, report)
        return Outcome(name, code, self._text(name, report), row=row(name, report), trace=trace)

    def _text(self, name: str, report: Report) -> str:
        if self.alone:
            return render(report, width=self.width, verbose=self.verbose).rstrip("\n")
        if self.verbose:
            return render(report, width=self.width, verbose=True)
        return block(name, report, self.width)

    def _json(self, report: Report) -> str:
        return report.to_json(2 if self.form == "json" else None)


@click.command(epilog=_EPILOG)
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(), callback=no_terminal)
@verbose_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "jsonl"]),
    default="text",
    show_default=True,
    help="json: the report, of several dumps an array of reports. jsonl: always one line for each dump.",
)
@click.option(
    "--html",
    "page",
    metavar="FILE",
    type=click.Path(),
    callback=page_path,
    help="Write all reports as one page for a browser too (.html); what was in FILE is replaced. The page loads nothing"
    " from anywhere.",
)
@private_option
@click.option(
    "--jobs",
    type=click.IntRange(1, MOST_JOBS),
    metavar="N",
    show_default="one for a few dumps, else one per processor",
    help="Number of processes at work.",
)
@fail_on_option
@images_option
@symbols_option
@known_issues_option
def analyze(
    *,
    paths: tuple[str, ...],
    verbose: bool,
    form: str,
    page: str | None,
    private: bool,
    jobs: int | None,
    fail_on: str | None,
    images: tuple[str, ...],
    symbols: tuple[str, ...],
    known_issues: tuple[str, ...],
) -> int:
    """Say what crashed, why, and how sure that is.

    PATH is a dump, a folder of dumps, an archive of them (zip, tar, gz, bz2, xz, zst; 7z, rar and cab with
    libarchive), a member of one (sent.zip!112226-8765-01.dmp), or - for standard input. On Windows, without a PATH,
    it is the Minidump folder of this machine.

    One dump gives a report; several give a few lines each and a table (-v: all reports and the table), by time, and
    what the dumps of one machine tell together. Whatever cannot be read is one line on standard error and keeps
    nothing from the rest.
    """
    paths = paths or _own_folder()
    wanted_sources(symbols, images)  # what is malformed there is wrong usage, before anything is read
    wanted_plugins(known_issues)
    origins, watch = expand(paths), Watch(paths)
    first = list(islice(origins, 2))
    alone, files = len(first) < 2, (symbols, images, known_issues)
    work = Analysis(form, verbose, private, fail_on, alone, paper_width(), *files, page=page is not None)
    outcomes = told(watch.outcomes(outcomes_of(watch.origins(chain(first, origins)), work, jobs)))
    with paged(outcomes, page) as passing:
        return _print_array(passing) if form == "json" and not alone else _print(passing, work)


def _own_folder() -> tuple[str]:
    folder = default_folder()
    if folder is None:
        raise click.UsageError("name a dump, a folder, an archive, or - for standard input")
    try:
        folder.stat()
    except FileNotFoundError as error:
        why = "there is no such folder: Windows has kept no small dump on this machine yet"
        raise SourceUnreadable(str(folder), why) from error
    except OSError:
        pass  # which `expand` explains
    return (str(folder),)


def _print(outcomes: Iterator[Outcome], work: Analysis) -> int:
    code, rows, traces = ExitCode.OK, list[Row](), list[Trace]()
    for outcome in outcomes:
        code = max(code, outcome.code)
        if outcome.text is not None:
            say(outcome.text)
        if outcome.row is not None:
            rows.append(outcome.row)
        if outcome.trace is not None:
            traces.append(outcome.trace)
    if rows and not work.alone:
        say(table(rows, work.width))
        for line in together(traces, work.width):
            say(line)
    return code


def _print_array(outcomes: Iterator[Outcome]) -> int:
    code, before = ExitCode.OK, "\n"
    say("[", end="")
    for outcome in outcomes:
        code = max(code, outcome.code)
        if outcome.text is not None:
            say(before + outcome.text, end="")
            before = ",\n"
    say("\n]")
    return code
