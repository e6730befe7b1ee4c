"""`smalldump recover`: dumps that wait in a reserve or a page file get names of their own."""

from __future__ import annotations

import json
from datetime import tzinfo
from pathlib import Path

import click

from smalldump.cli.console import say
from smalldump.cli.exits import ExitCode
from smalldump.cli.parameters import timezone_option
from smalldump.escape import escape
from smalldump.minidumps import MinidumpDirectory, Outcome, Recovered, Reserve, recover_page_file, recover_reserve
from smalldump.model import Absent
from smalldump.report.values import JsonObject, fact

__all__ = ["recover"]

_CODES = {
    Outcome.SAVED: ExitCode.OK,
    Outcome.ALREADY_THERE: ExitCode.OK,
    Outcome.CUT_OFF: ExitCode.DAMAGED,
    Outcome.DAMAGED: ExitCode.DAMAGED,
    Outcome.IN_USE: ExitCode.NOT_WRITTEN,
}


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--pagefile",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take the dump out of this Windows page file, not out of the reserve; the page file is only read.",
)
@timezone_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def recover(*, folder: Path, pagefile: Path | None, zone: tzinfo | None, form: str) -> int:
    """Give dumps that wait in the reserve of a Minidump folder names of their own.

    Each dump is saved in DIR, whole or not at all, before its slot is emptied, so recovering can be done again at any
    time. What is left of a dump whose writing was cut off is kept aside under a name that ends in .cut.

    With --pagefile the dump comes from a page file of Windows: after a crash it stays there until Windows starts again.

    The exit code is 4 where a dump is cut off or damaged, 5 where one could not be saved and stays where it is.
    """
    directory = MinidumpDirectory(folder)
    found = recover_reserve(directory, zone) if pagefile is None else [recover_page_file(pagefile, directory, zone)]
    code, told = ExitCode.OK, 0
    rows: list[JsonObject] = []
    try:
        for each in found:
            code, told = max(code, _CODES[each.outcome]), told + 1
            if form == "json":
                rows.append(_json(each))
            else:
                say(_line(each))
    finally:
        if form == "json":
            say(json.dumps(rows, indent=2))
    if not told and form == "text":
        say(_nothing(directory))
    return code


def _line(found: Recovered) -> str:
    source, words = escape(found.source.name), found.outcome.words
    if isinstance(found.path, Absent):
        return f"{source}: {words}; {_left_behind(found)}"
    path = escape(str(found.path))
    if found.saved is not None:
        return f"{source}: {words} as {path}, {found.saved.size:,} bytes (date: {found.saved.date_source.words})"
    kept = f" as {path}" if found.outcome is Outcome.ALREADY_THERE else f"; what there is was kept as {path}"
    return f"{source}: {words}{kept}"


def _left_behind(found: Recovered) -> str:
    if found.outcome is Outcome.IN_USE:
        return "its dump stays there"
    if found.path is Absent.CORRUPT:
        return "the slot is left as it is (remove it, and reserve again)"
    return "there is nothing but zeros"


def _nothing(directory: MinidumpDirectory) -> str:
    slots, folder = len(Reserve(directory.path).slots()), escape(str(directory.path))
    if not slots:
        return f"{folder}: there is no reserve here"
    return f"{folder}: no dump waits in the reserve ({slots} empty {'slot' if slots == 1 else 'slots'})"


def _json(found: Recovered) -> JsonObject:
    saved = found.saved
    return {
        "source": str(found.source),
        "outcome": found.outcome.value,
        "path": fact(found.path, str),
        "size": None if saved is None else saved.size,
        "date_source": None if saved is None else saved.date_source.value,
        "exclusive_by": None if saved is None else saved.how.value,
    }
