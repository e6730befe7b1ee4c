"""`smalldump list`: the dumps of a Minidump folder, by time, from their headers alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from smalldump.cli.console import complain, say, screen_width
from smalldump.cli.exits import ExitCode
from smalldump.errors import SourceUnreadable, StoreError
from smalldump.escape import escape
from smalldump.intake import default_folder
from smalldump.knowledge.catalog import bug_check, canonical_code
from smalldump.minidumps import Entry, HeaderFacts, MinidumpDirectory, Reserve, SlotState
from smalldump.model import Absent, BugCheck
from smalldump.report.columns import columns, shorten
from smalldump.report.values import JsonObject, absent, address, code, fact, moment

__all__ = ["list"]

_HEADERS = ("Time (UTC)", "Name", "Bug check", "Machine", "Writer", "Bytes", "State")
_TIME, _NAME, _STOP, _MACHINE, _WRITER, _BYTES, _STATE = range(7)
_NARROW = (_TIME, _NAME, _STOP, _STATE)
_LONGEST_NAME = 40
_ROOM_FOR_ALL = 92
_UNKNOWN = "unknown"
_UNFINISHED = "unfinished"


@click.command("list")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="Remove the oldest small dumps that bear Windows' names until N are left, never the newest one.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "jsonl"]),
    default="text",
    show_default=True,
    help="json: an array with an object for each dump. jsonl: a line for each dump.",
)
def list(*, folder: Path | None, keep: int | None, form: str) -> int:  # noqa: A001
    """List the dumps of a folder by time, the oldest first.

    DIR is a Minidump folder; on Windows, without one, that of this machine. Only the headers are read: whole means
    that the file is as long as they promise (smalldump check looks at the rest).

    --keep removes nothing but small dumps under names like Mini022900-01.dmp and 112226-8765-01.dmp, and what a save
    that was killed more than a day ago has left. The newest dump that is whole stays, too.
    """
    directory = MinidumpDirectory(folder or _own_folder())
    entries = _entries(directory)
    gone = () if keep is None else _removed(directory, entries, keep, form)
    if form != "text":
        _print_json(entries, gone, form)
        return ExitCode.OK
    left = [entry for entry in entries if entry.path not in gone]
    say(_table(left, screen_width()) if left else f"no dumps in {escape(str(directory.path))}")
    _tell_of_reserve(directory)
    return ExitCode.OK


def _own_folder() -> Path:
    folder = default_folder()
    if folder is None:
        raise click.UsageError("name a folder: only Windows has a Minidump folder of its own")
    return folder


def _entries(directory: MinidumpDirectory) -> Sequence[Entry]:
    try:
        return directory.by_time()
    except StoreError as error:
        raise SourceUnreadable(error.path, error.why) from error


def _removed(directory: MinidumpDirectory, entries: Iterable[Entry], keep: int, form: str) -> Sequence[Path]:
    try:
        gone = directory.keep(keep)
    except StoreError:
        for entry in entries:
            if not os.path.lexists(entry.path):
                complain(f"removed {entry.path.name}")
        raise
    for path in gone if form == "text" else ():
        say(f"removed {escape(path.name)}")
    return gone


def _table(entries: Iterable[Entry], width: int) -> str:
    shown = range(len(_HEADERS)) if width >= _ROOM_FOR_ALL else _NARROW
    rows = [[cells[at] for at in shown] for cells in map(_cells, entries)]
    fixed = [place for place, at in enumerate(shown) if at != _STOP]
    right = [place for place, at in enumerate(shown) if at == _BYTES]
    return "\n".join(columns(rows, headers=[_HEADERS[at] for at in shown], width=width, right=right, fixed=fixed))


def _cells(entry: Entry) -> tuple[str, ...]:
    facts, state, size = entry.facts, entry.state.words, f"{entry.peek.size:,}"
    name = shorten(escape(entry.path.name), _LONGEST_NAME)
    if isinstance(facts, Absent):
        return _UNKNOWN, name, "", "", "", size, state
    time = _UNKNOWN if isinstance(facts.time, Absent) else facts.time.isoformat(" ", "minutes")[:16]
    build = "" if isinstance(facts.build, Absent) else f" {facts.build}"
    writer = _UNKNOWN if isinstance(facts.writer, Absent) else facts.writer
    return time, name, _stop(facts.bug_check), f"{facts.machine.name}{build}", writer, size, state


def _stop(stop: BugCheck) -> str:
    entry = bug_check(stop.stored_code)
    return f"0x{stop.stored_code:X}" if entry is None else f"0x{entry.code:X} {entry.name}"


def _tell_of_reserve(directory: MinidumpDirectory) -> None:
    states = [slot.status.state for slot in Reserve(directory.path).slots()]
    waiting = states.count(SlotState.FULL) + states.count(SlotState.FILLING)
    if waiting:
        dumps = "a dump waits" if waiting == 1 else f"{waiting} dumps wait"
        complain(f"{dumps} in the reserve: smalldump recover {directory.path}")


def _print_json(entries: Iterable[Entry], gone: Sequence[Path], form: str) -> None:
    rows = [*map(_leftover, _leftovers(entries, gone)), *(_row(entry, entry.path in set(gone)) for entry in entries)]
    if form == "json":
        say(json.dumps(rows, indent=2))
    elif rows:
        say("\n".join(map(json.dumps, rows)))


def _leftovers(entries: Iterable[Entry], gone: Iterable[Path]) -> Iterator[Path]:
    """Temporaries that were removed: they are no entries."""
    known = {entry.path for entry in entries}
    return (path for path in gone if path not in known)


def _leftover(path: Path) -> JsonObject:
    return {"path": str(path), "name": path.name, "state": _UNFINISHED, "removed": True}


def _row(entry: Entry, removed: bool) -> JsonObject:
    peek = entry.peek
    return {
        "path": str(entry.path),
        "name": entry.path.name,
        "state": peek.state.value,
        "why": peek.why,
        "removed": removed,
        "size": peek.size,
    } | _facts(entry.facts)


def _facts(facts: HeaderFacts | Absent) -> JsonObject:
    names = ("time_utc", "uptime_s", "bug_check", "machine", "build", "processors", "writer")
    if isinstance(facts, Absent):
        return dict.fromkeys(names, absent(facts))
    stop, entry = facts.bug_check, bug_check(facts.bug_check.stored_code)
    values = (
        fact(facts.time, moment),
        fact(facts.uptime, lambda uptime: round(uptime.total_seconds(), 3)),
        {
            "code": code(canonical_code(stop.stored_code)),
            "stored_code": code(stop.stored_code),
            "name": entry and entry.name,
            "parameters": [address(value) for value in stop.parameters],
        },
        facts.machine.name,
        fact(facts.build),
        fact(facts.processors),
        fact(facts.writer),
    )
    return dict(zip(names, values, strict=True))
