"""`smalldump show`: what a dump holds, section by section, or byte by byte."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import click

from smalldump.api import analyze_source
from smalldump.cli.console import complain, paper_width, say
from smalldump.cli.exits import ExitCode, of_report
from smalldump.cli.layout import layout_json, layout_text
from smalldump.cli.opening import opened
from smalldump.cli.options import images_option, no_terminal, private_option, symbols_option, wanted_sources
from smalldump.cli.parameters import parsed
from smalldump.cli.stacks import StackChoice, parse_cpu, parse_thread
from smalldump.intake import ByteSource
from smalldump.report import Report
from smalldump.report.text import SECTIONS, render_section, sections_of
from smalldump.report.values import JsonObject

__all__ = ["show"]

LAYOUT = "layout"

_KEYS = {
    "header": ("file", "header", "system", "crash"),
    "bugcheck": ("bug_check", "broken_driver"),
    "registers": ("registers", "contexts"),
    "stack": ("stack_window", "stack", "stack_end", "trap_frame", "dispatch"),
    "modules": ("modules",),
    "unloaded": ("unloaded_modules",),
    "process": ("process", "thread"),
    "processor": ("processor",),
    "processors": ("processors",),
    "threads": ("threads",),
    "processes": ("processes",),
    "debugger-data": ("debugger_data",),
    "memory": ("mm",),
    "pages": ("pages",),
    "blobs": ("blobs",),
}

_EPILOG = f"""
\b
Sections:
  {", ".join(SECTIONS[:6])},
  {", ".join(SECTIONS[6:])},
  layout  every byte of the file accounted for, unclaimed ones listed

\b
Examples:
  smalldump show 112226-8765-01.dmp
  smalldump show 112226-8765-01.dmp registers stack
  smalldump show 112226-8765-01.dmp stack --cpu all
  smalldump show 112226-8765-01.dmp layout --format json
"""


@click.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(), callback=no_terminal)
@click.argument(
    "sections", metavar="[SECTION]...", nargs=-1, type=click.Choice([*SECTIONS, LAYOUT], case_sensitive=False)
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--cpu", metavar="N|all", callback=parsed(parse_cpu), help="The stack of a processor, or of each.")
@click.option(
    "--thread", metavar="ADDRESS|all", callback=parsed(parse_thread), help="The stack of a thread, or of each in reach."
)
@click.option("--args", is_flag=True, help="With each frame, the words where its arguments lie, as WinDbg's kv.")
@images_option
@symbols_option
@private_option
def show(
    *,
    path: str,
    sections: tuple[str, ...],
    form: str,
    cpu: int | str | None,
    thread: str | None,
    args: bool,
    images: tuple[str, ...],
    symbols: tuple[str, ...],
    private: bool,
) -> int:
    """Show what a dump holds: the named sections, or all of them except layout.

    PATH is a dump, an archive with one dump in it, or - for standard input.
    """
    choice = StackChoice(cpu, thread, args)
    files = wanted_sources(symbols, images)
    with opened(path) as source:
        report = analyze_source(source, private=private, detailed=True, files=files)
        code = of_report(report)
        sections = sections or (("stack",) if choice.made else sections_of(report))
        if code is ExitCode.UNREADABLE:
            complain(f"{source.name}: {'; '.join(finding['message'] for finding in report['findings'])}")
        elif form == "json":
            say(json.dumps(_json(source, report, sections), indent=2))
        else:
            for at, lines in enumerate(_texts(source, report, sections, choice)):
                say(("\n" if at else "") + lines.rstrip("\n"))
    return code


def _texts(source: ByteSource, report: Report, sections: Sequence[str], choice: StackChoice) -> Iterator[str]:
    width = paper_width()
    for name in sections:
        text = _text(source, report, name, choice, width)
        yield text if len(sections) == 1 else f"{click.style(f'[{name}]', bold=True)}\n{text}"


def _text(source: ByteSource, report: Report, name: str, choice: StackChoice, width: int) -> str:
    if name == LAYOUT:
        return layout_text(source, width)
    if name == "stack" and choice.made:
        return choice.text(report, width)
    return render_section(report, name, width=width)


def _json(source: ByteSource, report: Report, sections: Sequence[str]) -> JsonObject:
    """The parts of the report that the sections show; an object even for one of them."""
    shown: JsonObject = {}
    for name in sections:
        shown |= {LAYOUT: layout_json(source)} if name == LAYOUT else {key: report[key] for key in _KEYS[name]}
    return shown
