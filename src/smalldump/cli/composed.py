"""What a small dump holds and lacks, as text and as JSON: the plan before writing, the result after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from smalldump.addresses import format_address
from smalldump.compose import Composed
from smalldump.escape import escape
from smalldump.minidumps import Exclusive
from smalldump.report.columns import columns
from smalldump.report.shown import labelled
from smalldump.report.values import JsonObject
from smalldump.writer.scrub import Scrubbed
from smalldump.writing import Missing, Written

__all__ = ["composed_json", "plan_text", "written_json", "written_text"]

_HEADERS = ("offset", "bytes", "piece", "detail")


def plan_text(composed: Composed, missing: Sequence[Missing], width: int) -> str:
    """The plan as a table, in the order of the file, then what the dump lacks."""
    plan = composed.plan
    rows = [(f"{p.offset:08x}", f"{p.size:,}", escape(p.name), escape(p.detail)) for p in plan.pieces]
    lines = columns(rows, headers=_HEADERS, width=width, right=(0, 1))
    return "\n".join([*lines, "", f"{_kind(composed)}; nothing was written", *_lacks(composed, missing, width)])


def written_text(composed: Composed, written: Written, width: int) -> str:
    """Where the dump is, what it holds in a line, and what it lacks."""
    return "\n".join(
        [
            f"{escape(str(written.path))}: {_kind(composed)}",
            *labelled("Holds", _holds_text(composed), width),
            *_how(written, width),
            *_lacks(composed, written.missing, width),
        ]
    )


def composed_json(composed: Composed, missing: Iterable[Missing]) -> JsonObject:
    """Profile, size, pieces, what the dump holds and what it lacks; offsets and addresses as hex strings."""
    plan = composed.plan
    return {
        "profile": composed.profile.name,
        "machine": composed.contents.machine.name,
        "size": plan.size,
        "holds": _holds(composed),
        "pieces": [
            {"offset": f"{p.offset:#x}", "size": p.size, "name": p.name, "detail": p.detail} for p in plan.pieces
        ],
        "scrub": _scrub_json(composed.scrubbed),
        "dropped": [{"what": each.what, "saved": each.saved, "why": each.why} for each in composed.dropped],
        "missing": [{"address": f"{each.address:#x}", "size": each.size, "why": each.why} for each in missing],
        "failures": [{"name": each.name, "why": each.why} for each in composed.failures],
    }


def written_json(composed: Composed, written: Written) -> JsonObject:
    """The same, and where the dump is; null where a fact does not apply."""
    return {
        "path": str(written.path),
        "exclusive_by": written.how and written.how.value,
        "directory_flushed": written.directory_flushed,
        "date_source": written.date_source and written.date_source.value,
        "slots_left": written.slots_left,
    } | composed_json(composed, written.missing)


def _scrub_json(scrubbed: Scrubbed | None) -> JsonObject | None:
    if scrubbed is None:
        return None
    return {
        "level": scrubbed.level.value,
        "kept": {what.name.lower(): size for what, size in scrubbed.kept.items()},
        "withheld": {where.name.lower(): size for where, size in scrubbed.removed.items()},
    }


def _kind(composed: Composed) -> str:
    name = composed.contents.machine.name
    scrubbed = "" if composed.scrubbed is None else f", scrubbed to {composed.scrubbed.level.value}"
    return f"small memory dump, {name}, {composed.profile.name}, {composed.plan.size:,} bytes{scrubbed}"


def _holds(composed: Composed) -> dict[str, int]:
    contents = composed.contents
    return {
        "stack_bytes": len(contents.stack),
        "drivers": len(contents.drivers),
        "unloaded_drivers": len(contents.unloaded or ()),
        "blocks": len(contents.blocks),
        "blobs": len(contents.blobs),
    }


_WORDS = {
    "stack_bytes": ("byte of stack", "bytes of stack"),
    "drivers": ("driver", "drivers"),
    "unloaded_drivers": ("unloaded driver", "unloaded drivers"),
    "blocks": ("block of memory", "blocks of memory"),
    "blobs": ("blob", "blobs"),
}


def _holds_text(composed: Composed) -> str:
    return ", ".join(f"{count:,} {_WORDS[name][count != 1]}" for name, count in _holds(composed).items())


def _how(written: Written, width: int) -> Iterator[str]:
    if written.slots_left is not None:
        left = "1 slot is" if written.slots_left == 1 else f"{written.slots_left or 'no'} slots are"
        folder = escape(str(written.path.parent))
        yield from labelled(
            "Reserve", f"`smalldump recover {folder}` gives the dump a name of its own; {left} left", width
        )
    if written.date_source is not None:
        yield from labelled("Date", written.date_source.words, width)
    if written.how is Exclusive.CLAIM:
        yield from labelled("Saved", f"by {written.how.words}", width)


def _lacks(composed: Composed, missing: Iterable[Missing], width: int) -> Iterator[str]:
    bits = composed.contents.machine.bits
    scrubbed = composed.scrubbed
    withheld = () if scrubbed is None else scrubbed.removed.items()
    lacking = {
        "Scrubbed": [f"{where.words}: {size:,} bytes taken out" for where, size in withheld],
        "Dropped": [f"{escape(each.what)}{_saved(each.saved)}: {escape(each.why)}" for each in composed.dropped],
        "Missing": [f"{format_address(each.address, bits)}, {each.size:,} bytes: {each.why}" for each in missing],
        "Failed": [f"contributor {escape(each.name)}: {escape(each.why)}" for each in composed.failures],
    }
    for label, items in lacking.items():
        for at, item in enumerate(items):
            yield from labelled("" if at else label, item, width)


def _saved(size: int) -> str:
    return f", {size:,} bytes" if size else ""
