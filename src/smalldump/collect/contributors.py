"""Contributors: components outside of smalldump that add memory and blobs to the dumps that are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from operator import index
from typing import NamedTuple

from smalldump.layout.blobs import NULL_GUID
from smalldump.model import Blob, Snapshot
from smalldump.model.requests import Contribution, DumpContributor, RangeRequest, Rank

__all__ = ["ENTRY_POINTS", "Failure", "asked_by_contributors", "installed_contributors"]

ENTRY_POINTS = "smalldump.dump_contributors"
"""Group of entry points; each names a `DumpContributor` or a class that makes one without arguments."""

_NAME = re.compile(r"[!-~]([ -~]{0,62}[!-~])?")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FAILING = (Exception, SystemExit)  # a component that wants to end the process must not cost the dump
_MOST_RANGES, _MOST_BYTES = 256, 1 << 20  # as little trust as Windows has in a driver's callback


class Failure(NamedTuple):
    """A contributor whose part is missing, and why."""

    name: str
    why: str


def installed_contributors() -> Iterator[DumpContributor | Failure]:
    """The contributors that installed packages name; one that cannot be loaded is a `Failure`."""
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            found = entry.load()
            yield found() if isinstance(found, type) else found
        except _FAILING as error:
            yield Failure(entry.name, f"{type(error).__name__}: {error}")


def asked_by_contributors(
    machine: Snapshot, contributors: Iterable[DumpContributor | Failure]
) -> tuple[list[RangeRequest], list[Blob], list[Failure]]:
    """What all contributors want, under their names; a failing one costs only its own part."""
    requests: list[RangeRequest] = []
    blobs: list[Blob] = []
    failures: list[Failure] = []
    for contributor in contributors:
        if isinstance(contributor, Failure):
            failures.append(contributor)
            continue
        name = type(contributor).__name__
        try:
            name = str(contributor.name)
            ranges, data = _accepted(name, contributor.contribute(machine), machine.machine.mask)
        except _FAILING as error:
            failures.append(Failure(name, f"{type(error).__name__}: {error}"))
            continue
        requests += ranges
        blobs += data
    return requests, blobs, failures


def _accepted(name: str, part: Contribution, highest: int) -> tuple[list[RangeRequest], list[Blob]]:
    if not _NAME.fullmatch(name):
        raise ValueError("the name is not 1 to 64 printable ASCII characters without outer spaces")
    if len(part.requests) > _MOST_RANGES:
        raise ValueError(f"{len(part.requests)} ranges asked for, at most {_MOST_RANGES} are taken")
    ranges = [RangeRequest(index(r.address), index(r.size), str(r.why), name, Rank.COMPONENT) for r in part.requests]
    blobs = [Blob(blob.guid.lower(), memoryview(memoryview(blob.data).tobytes()), 0) for blob in part.blobs]
    if any(not _GUID.fullmatch(blob.guid) or blob.guid == NULL_GUID for blob in blobs):
        raise ValueError("a blob's tag is not a GUID")
    if any(r.size < 0 or r.address < 0 or r.end > highest + 1 for r in ranges):
        raise ValueError("a range does not lie in the address space")
    if sum(r.size for r in ranges) + sum(len(blob.data) for blob in blobs) > _MOST_BYTES:
        raise ValueError(f"more than {_MOST_BYTES:,} bytes asked for")
    return ranges, blobs
