"""The sections on what a dump holds beside: debugger data, memory counters, pages, secondary data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice, takewhile

from smalldump.layout.blobs import blob_kind
from smalldump.memory import RangeMap
from smalldump.model import Absent, Blob, DataBlock, Snapshot
from smalldump.report.values import Json, JsonObject, absent, address, fact, words

__all__ = ["extra_sections"]

_ASKED_LIMIT = 4  # requested ranges in one data block; real dumps have one


def extra_sections(machine: Snapshot, decoded: Sequence[JsonObject | None], *, detailed: bool) -> JsonObject:
    """`debugger_data`, `mm`, `pages`, `broken_driver` and `blobs`; `decoded`: the blobs' contents, in their order."""
    blobs = [_blob(blob, value) for blob, value in zip(machine.blobs, decoded, strict=True)]
    return {
        "debugger_data": _debugger_data(machine),
        "mm": _memory_manager(machine),
        "pages": _pages(machine) | ({"list": _page_list(machine)} if detailed else {}),
        "broken_driver": fact(machine.broken_driver),
        "blobs": fact(machine.absences.get("blobs", blobs)),
    }


def _debugger_data(machine: Snapshot) -> Json:
    data = machine.debugger_data
    if isinstance(data, Absent):
        return absent(data)
    return {"size": data.get("size")} | words({name: value for name, value in data.items() if name != "size"})


def _memory_manager(machine: Snapshot) -> Json:
    # dbgeng leaves the counters that it cannot read at zero.
    counters, dump = machine.memory_manager, machine.dump
    if isinstance(counters, Absent):
        return absent(counters)
    unread = absent(Absent.NOT_CAPTURED) if not isinstance(dump, Absent) and dump.writer == "dbgeng" else 0
    return {name: value or unread for name, value in counters.items() if name not in ("version", "size")}


def _pages(machine: Snapshot) -> JsonObject:
    asked = Counter(request.component for request in machine.requests)
    lost = machine.absences.get("data_blocks")
    return {
        "blocks": fact(len(machine.data_blocks) if lost is None else lost),
        "bytes": fact(sum(block.size for block in machine.data_blocks) if lost is None else lost),
        "requests": [{"component": component, "ranges": ranges} for component, ranges in asked.items()],
        "data_page": fact(machine.data_page, _data_page),
    }


def _data_page(page: DataBlock) -> JsonObject:
    return {"address": address(page.address), "size": page.size}


def _page_list(machine: Snapshot) -> list[JsonObject]:
    """Every data block with the first components that asked for its memory."""
    askers = RangeMap((r.address, r.address + r.size, r.component) for r in machine.requests)
    return [
        {"address": address(block.address), "size": block.size, "offset": address(block.offset)}
        | _asked_by(askers, block)
        for block in machine.data_blocks
    ]


def _asked_by(askers: RangeMap[str], block: DataBlock) -> JsonObject:
    end = block.address + block.size
    pieces = takewhile(lambda piece: piece[0] < end, askers.from_position(block.address))
    names = dict.fromkeys(name for _, _, name in islice(pieces, _ASKED_LIMIT))
    return {"components": list(names)} if names else {}


def _blob(blob: Blob, decoded: JsonObject | None) -> JsonObject:
    kind = blob_kind(blob.guid)
    written: JsonObject = {"guid": blob.guid, "name": kind.name if kind else None, "size": len(blob.data)}
    return written if decoded is None else written | {"decoded": decoded}
