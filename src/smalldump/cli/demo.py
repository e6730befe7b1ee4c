"""`smalldump demo`: the example that comes with the package."""

from __future__ import annotations

from pathlib import Path

import click

from smalldump.api import analyze
from smalldump.cli.console import paper_width, say
from smalldump.cli.exits import ExitCode
from smalldump.cli.options import verbose_option
from smalldump.report.text import render

__all__ = ["EXAMPLE", "demo"]

EXAMPLE = Path(__file__).with_name("demo.dmp")
"""A made-up dump: no machine of anybody crashed for it."""


@click.command()
@verbose_option
def demo(verbose: bool) -> int:
    """Analyse the example that comes with smalldump: a made-up dump of a made-up driver's mistake.

    The report is what `smalldump analyze` gives for dumps of your own.
    """
    report = analyze(EXAMPLE, detailed=verbose)
    say(render(report, width=paper_width(), verbose=verbose), end="")
    return ExitCode.OK
