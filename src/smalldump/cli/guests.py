"""What the commands about virtual machines share: addresses, the library behind them, a program for each dump."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import click

from smalldump.capture.address import GuestAddress, parse_address
from smalldump.cli.parameters import parse_size
from smalldump.writing import checked_size

__all__ = ["addresses", "dump_size", "minidump_folder_option", "program_for_dumps", "require_qmp"]

F = TypeVar("F", bound=Callable[..., Any])


def addresses(ctx: click.Context, param: click.Parameter, texts: str | tuple[str, ...]) -> tuple[GuestAddress, ...]:
    """Addresses out of arguments; no two guests may have the same socket."""
    try:
        found = tuple(map(parse_address, (texts,) if isinstance(texts, str) else texts))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error
    if len({address.socket for address in found}) < len(found):
        raise click.BadParameter("the same socket twice: a monitor serves one client", ctx, param)
    return found


def program_for_dumps(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[str, ...]:
    """A program and its arguments, split as a shell would split them; no shell ever sees them."""
    try:
        return tuple(shlex.split(text or ""))
    except ValueError as error:
        raise click.BadParameter(f"{error}: {text}", ctx, param) from error


def dump_size(text: str) -> int | None:
    """A size that a small memory dump can have.

    Raises:
        ValueError: It is none.
    """
    return checked_size(parse_size(text))


def require_qmp() -> None:
    """Make sure that monitors can be spoken to here.

    Raises:
        click.UsageError: Not on this system, or not without the package.
    """
    if sys.platform != "linux":
        raise click.UsageError("guests are watched on Linux hosts only: their monitors are Unix sockets there")
    if find_spec("qemu") is None or find_spec("qemu.qmp") is None:
        raise click.UsageError("this needs the package qemu.qmp: pip install 'smalldump[watch]'")


def minidump_folder_option(words: str) -> Callable[[F], F]:
    """`-o`: a Minidump folder that is there; `words` are its help."""
    folder = click.Path(file_okay=False, exists=True, path_type=Path)
    return click.option("-o", "--output", type=folder, metavar="DIR", required=True, help=words)
