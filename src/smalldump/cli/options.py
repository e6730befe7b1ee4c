"""Options that several commands have."""

from __future__ import annotations

import sys
from typing import TypeVar

import click

__all__ = ["fail_on_option", "no_terminal", "private_option", "verbose_option"]

Named = TypeVar("Named", str, tuple[str, ...])

verbose_option = click.option("-v", "--verbose", is_flag=True, help="Tell everything that the dump holds.")
private_option = click.option(
    "--private", is_flag=True, help="Show serial numbers and unique identifiers of the machine too."
)
fail_on_option = click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    help="Exit with 1 where a file has findings as bad as this, or worse.",
)


def no_terminal(ctx: click.Context, param: click.Parameter, named: Named) -> Named:
    """Refuse to read standard input where somebody would have to type a dump; else what was named."""
    if "-" in ([named] if isinstance(named, str) else named) and sys.stdin.isatty():
        raise click.BadParameter("standard input is a terminal here: redirect a dump into it", ctx, param)
    return named
