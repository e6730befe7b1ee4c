"""`smalldump write`: a small memory dump of a machine, or the plan of one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

import click

from smalldump.checking import FileState, check
from smalldump.cli.composed import composed_json, plan_text, written_json, written_text
from smalldump.cli.console import complain, say, screen_width
from smalldump.cli.exits import ExitCode
from smalldump.cli.opening import opened
from smalldump.cli.options import no_terminal
from smalldump.cli.parameters import parse_range, parse_size, parsed, timezone_option
from smalldump.cli.progress import at_work
from smalldump.collect import installed_contributors
from smalldump.compose import Composed, compose
from smalldump.intake import ByteSource
from smalldump.model import Snapshot
from smalldump.model.requests import RangeRequest
from smalldump.sources.detect import open_snapshot
from smalldump.writer.profile import PROFILES
from smalldump.writer.scrub import ScrubLevel
from smalldump.writing import Place, checked_size, missing_from, requested, scrub_level_of, write_composed

__all__ = ["write"]

_EPILOG = """
\b
Examples:
  smalldump write 112226-8765-01.dmp -o Minidump
  smalldump write 112226-8765-01.dmp -o small.dmp --size 64K
  smalldump write 112226-8765-01.dmp -o give-away.dmp --scrub
  smalldump write 112226-8765-01.dmp --plan --page fffff804`6a972d4c
  smalldump write 112226-8765-01.dmp --reserve Minidump
"""


_STRICTEST = ScrubLevel.FACTS.value


def _dump_size(text: str) -> int | None:
    return checked_size(parse_size(text))


@dataclass(frozen=True)
class _Wish:
    """What is asked for: of which kind the dump is, and what must be in it."""

    profile: str | None
    size: int | None
    pages: tuple[RangeRequest, ...]
    scrub_level: ScrubLevel | None


class _Command(click.Command):
    """A command whose `--scrub` may stand alone: what follows it without `=` is no level."""

    def parse_args(self, ctx: click.Context, args: Sequence[str]) -> Any:
        end = args.index("--") if "--" in args else len(args)
        options = [f"--scrub={_STRICTEST}" if arg == "--scrub" else arg for arg in args[:end]]
        return super().parse_args(ctx, [*options, *args[end:]])


@click.command(cls=_Command, epilog=_EPILOG)
@click.argument("source", type=click.Path(), callback=no_terminal)
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="DIR|FILE",
    help="Where the dump goes: a folder that is there, in which it gets the name that Windows would give it, or a new"
    " file, whose name must have an ending.",
)
@click.option(
    "--reserve",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Put the dump into an empty slot of this folder's reserve, which needs no free space.",
)
@click.option("--plan", is_flag=True, help="Show what the dump would hold, and where; write nothing.")
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    show_default="classic for 32-bit machines, modern for 64-bit ones",
    help="classic: exactly 64 KiB, at most 16 KiB of stack. modern: as large as its content, 32 KiB of stack on x64.",
)
@click.option(
    "--size", metavar="SIZE", callback=parsed(_dump_size), help="Exactly this many bytes: 65536, 0x10000 or 64K."
)
@click.option(
    "--page",
    "pages",
    metavar="ADDR[+SIZE]",
    multiple=True,
    callback=parsed(parse_range),
    help="Include the page of 4 KiB that holds this address, or SIZE bytes from it on. May be given several times.",
)
@click.option(
    "--scrub",
    metavar="[=LEVEL]",
    callback=parsed(scrub_level_of),
    help="Leave only what may be given away. facts (the default): what a report states. stack: also registers and stack"
    " words that lead to code or to the stack.",
)
@timezone_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def write(
    *,
    source: str,
    output: str | None,
    reserve: Path | None,
    plan: bool,
    profile: str | None,
    size: int | None,
    pages: tuple[RangeRequest, ...],
    scrub: ScrubLevel | None,
    zone: tzinfo | None,
    form: str,
) -> int:
    """Write a small memory dump, whole or not at all, and never in the place of another file.

    SOURCE is a dump, an archive with one dump in it, a pipe, or - for standard input. What does not fit into the size
    is given up in a fixed order, and each thing is named.

    The exit code is 4 where SOURCE is damaged: then the new dump holds what is readable.
    """
    place = _place(output, reserve, plan=plan)
    with _opened(source) as (machine, code):
        wish = _Wish(profile, size, tuple(requested(page, machine.machine) for page in pages), scrub)
        with at_work(f"{machine.name}: reading what goes in", long=machine.has_pages):
            text = _planned(machine, wish, form) if plan else _written(machine, wish, place, zone, form)
        say(text)
    return code


def _place(output: str | None, reserve: Path | None, *, plan: bool) -> Place:
    if output is not None and reserve is not None:
        raise click.UsageError("a dump goes to one place: -o or --reserve")
    if not output and reserve is None and not plan:
        raise click.UsageError("say where the dump goes: -o DIR, -o FILE or --reserve DIR (or look at its --plan)")
    if not output:
        return Place(reserve=reserve)
    path = Path(output)
    named_file = path.suffix and not path.is_dir() and not output.endswith(("/", os.sep))
    return Place(to=path) if named_file else Place(into=path)


@contextmanager
def _opened(path: str) -> Iterator[tuple[Snapshot, ExitCode]]:
    with opened(path) as source, open_snapshot(source.data, source.name, beside=source.beside) as machine:
        damaged = _is_damaged(source)
        if damaged:
            complain(f"{source.name}: damaged (smalldump check says how); the new dump holds what is readable")
        yield machine, ExitCode.DAMAGED if damaged else ExitCode.OK


def _is_damaged(source: ByteSource) -> bool:
    result = check(source.data, source.name, source.beside)
    if result.dump is not None:
        result.dump.close()
    return result.state is FileState.DAMAGED


def _planned(machine: Snapshot, wish: _Wish, form: str) -> str:
    composed = _composed(machine, wish)
    missing = list(missing_from(machine, composed, wish.pages))
    if form == "json":
        return json.dumps(composed_json(composed, missing), indent=2)
    return plan_text(composed, missing, screen_width())


def _written(machine: Snapshot, wish: _Wish, place: Place, zone: tzinfo | None, form: str) -> str:
    composed = _composed(machine, wish)
    written = write_composed(machine, composed, place, wish.pages, zone)
    if form == "json":
        return json.dumps(written_json(composed, written), indent=2)
    return written_text(composed, written, screen_width())


def _composed(machine: Snapshot, wish: _Wish) -> Composed:
    return compose(
        machine,
        profile=None if wish.profile is None else PROFILES[wish.profile],
        size=wish.size,
        pages=wish.pages,
        contributors=installed_contributors(),
        scrub_level=wish.scrub_level,
    )
