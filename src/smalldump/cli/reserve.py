"""`smalldump reserve`: space for dumps, taken while there is some."""

from __future__ import annotations

import json
from pathlib import Path

import click

from smalldump.cli.console import say, screen_width
from smalldump.cli.exits import ExitCode
from smalldump.cli.parameters import parse_size, parsed
from smalldump.escape import escape
from smalldump.minidumps import Made, Promise, Reserve, SlotFacts
from smalldump.model import Absent
from smalldump.report.shown import labelled
from smalldump.report.values import JsonObject, fact

__all__ = ["reserve"]

_SMALLEST, _LARGEST = 16 << 10, 64 << 20
_MOST_SLOTS = 1000


def _slot_size(text: str) -> int:
    size = parse_size(text)
    if not _SMALLEST <= size <= _LARGEST:
        raise ValueError(f"a slot of {size:,} bytes (it may have from 16K to 64M)")
    return size


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--size",
    metavar="SIZE",
    callback=parsed(_slot_size),
    show_default="64K on a 32-bit machine, 256K on a 64-bit one",
    help="Largest dump that a slot can hold: 65536, 0x10000 or 64K.",
)
@click.option(
    "--slots",
    type=click.IntRange(1, _MOST_SLOTS),
    default=2,
    show_default=True,
    help="Number of dumps that can wait at once.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def reserve(*, folder: Path, size: int | None, slots: int, form: str) -> int:
    """Take the space for dumps ahead of time, as Windows does in its page file.

    DIR is a Minidump folder that is there. smalldump write --reserve DIR overwrites a slot in place, on a full disk
    too, and smalldump recover DIR makes a file of it. Slots that are there already stay as they are, with what they
    hold. Not every file system can overwrite in place: what this one promises is told.
    """
    keeper = Reserve(folder)
    made = keeper.make(size, slots)
    known = [slot for slot in keeper.slots() if slot.path in made.slots]
    say(json.dumps(_json(made, known), indent=2) if form == "json" else _text(folder, made, known))
    return ExitCode.OK


def _text(folder: Path, made: Made, slots: list[SlotFacts]) -> str:
    lines = [f"{escape(str(folder))}: a reserve of {len(slots)} {'slot' if len(slots) == 1 else 'slots'}"]
    for slot in slots:
        age = "new" if slot.path in made.new else "was there already"
        status = slot.status
        lines.append(f"  {slot.path.name}: {age}, {status.state.words}, for a dump of up to {status.capacity:,} bytes")
    return "\n".join([*lines, *labelled("Promise", _promise_text(made.promise), screen_width())])


def _promise_text(promise: Promise) -> str:
    reason = escape(promise.words)
    if isinstance(promise.keeps, Absent):
        return f"not known: whether filling a slot needs free space cannot be told here ({reason})"
    if promise.keeps:
        return f"filling a slot needs no free space ({reason})"
    return f"NONE: on a full disk, filling a slot may fail here ({reason})"


def _json(made: Made, slots: list[SlotFacts]) -> JsonObject:
    return {
        "slots": [
            {
                "path": str(slot.path),
                "new": slot.path in made.new,
                "state": slot.status.state.name.lower(),
                "capacity": slot.status.capacity,
            }
            for slot in slots
        ],
        "promise": {
            "file_system": fact(made.promise.file_system),
            "keeps": fact(made.promise.keeps),
            "words": made.promise.words,
        },
    }
