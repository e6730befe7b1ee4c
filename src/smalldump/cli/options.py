"""Options that several commands have."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import click

from smalldump.api import plugins_for
from smalldump.errors import KnownIssuesError

if TYPE_CHECKING:
    from smalldump.analysis.plugins import AnalysisPlugin
    from smalldump.analysis.remarks import Failure
    from smalldump.symbols.http import Progress
    from smalldump.symbols.sources import SymbolSources

__all__ = [
    "fail_on_option",
    "images_option",
    "known_issues_option",
    "no_terminal",
    "private_option",
    "symbol_sources",
    "symbols_option",
    "verbose_option",
    "wanted_plugins",
    "wanted_sources",
]

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


images_option = click.option(
    "--images",
    metavar="DIR",
    multiple=True,
    type=click.Path(),
    help="A folder with images, searched deep: a Windows folder, a mounted disk, a symbol store. May be given several"
    " times. Beside it, those of _NT_EXECUTABLE_IMAGE_PATH.",
)
symbols_option = click.option(
    "--symbols",
    metavar="PATH",
    multiple=True,
    help="A symbol path as in WinDbg: folders, srv*CACHE*https://SERVER, cache*DIR, with ; between them. May be given"
    " several times. Without it, that of _NT_SYMBOL_PATH; --symbols '' uses none.",
)

known_issues_option = click.option(
    "--known-issues",
    metavar="FILE",
    multiple=True,
    type=click.Path(),
    help="A list of known issues (TOML): those that a dump shows are told. May be given several times. Beside it, those"
    " of SMALLDUMP_KNOWN_ISSUES.",
)


@cache
def wanted_plugins(known_issues: tuple[str, ...]) -> tuple[AnalysisPlugin | Failure, ...]:
    """The installed plug-ins and the lists of known issues of option and environment, read once in a process.

    Raises:
        click.BadParameter: A list of known issues is malformed.
    """
    named = os.environ.get("SMALLDUMP_KNOWN_ISSUES", "")
    try:
        return plugins_for((*known_issues, *filter(None, named.split(os.pathsep))))
    except KnownIssuesError as error:
        raise click.BadParameter(str(error), param_hint="--known-issues") from error


def symbol_sources(
    symbols: tuple[str, ...], images: tuple[str, ...], progress: Progress | None = None
) -> SymbolSources:
    """What `--symbols` and `--images` name, and the environment; without servers in it there is no network.

    Raises:
        click.BadParameter: The symbol path is malformed.
    """
    from smalldump.images.folders import image_path_folders
    from smalldump.symbols.sources import SymbolSources

    environment = (os.environ.get("_NT_ALT_SYMBOL_PATH", ""), os.environ.get("_NT_SYMBOL_PATH", ""))
    of_images = image_path_folders(os.environ.get("_NT_EXECUTABLE_IMAGE_PATH", ""))
    try:
        return SymbolSources(";".join(symbols or environment), (*images, *of_images), progress=progress)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--symbols" if symbols else "_NT_SYMBOL_PATH") from error


@cache
def wanted_sources(symbols: tuple[str, ...], images: tuple[str, ...]) -> SymbolSources | None:
    """As `symbol_sources`, made once in a process; None where neither options nor environment name anything.

    Raises:
        click.BadParameter: The symbol path is malformed.
    """
    if not any((*symbols, *images, *(os.environ.get(name) for name in _VARIABLES))):
        return None
    return symbol_sources(symbols, images) or None


_VARIABLES = ("_NT_ALT_SYMBOL_PATH", "_NT_SYMBOL_PATH", "_NT_EXECUTABLE_IMAGE_PATH")
