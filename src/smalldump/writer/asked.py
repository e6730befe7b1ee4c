"""Who asked for what: the blob in which a reader finds the components that wanted memory to be in the dump."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smalldump.layout.requests import TRIAGEDUMP_DATA, request_record
from smalldump.model import Blob, Snapshot
from smalldump.model.requests import RangeRequest

__all__ = ["with_requests"]


def with_requests(machine: Snapshot, requests: Iterable[RangeRequest], blobs: Iterable[Blob]) -> tuple[Blob, ...]:
    """The blobs, with a record of each component whose ranges can be read and that they do not name already.

    The records go behind those of the machine's own blob, or into a new one at the end.
    """
    found, records = list(blobs), b"".join(_records(_new(machine, requests)))
    if not records:
        return tuple(found)
    for index, blob in enumerate(found):
        if blob.guid == TRIAGEDUMP_DATA:
            found[index] = blob._replace(data=memoryview(bytes(blob.data) + records))
            return tuple(found)
    return (*found, Blob(TRIAGEDUMP_DATA, memoryview(records), 0))


def _new(machine: Snapshot, requests: Iterable[RangeRequest]) -> Iterator[RangeRequest]:
    named = {tuple(request) for request in machine.requests}
    for request in requests:
        told = (request.owner, request.address, request.size) in named
        if request.owner and not told and machine.memory.next_readable(request.address, request.end) is not None:
            yield request


def _records(requests: Iterable[RangeRequest]) -> Iterator[bytes]:
    ranges: dict[str, list[tuple[int, int]]] = {}
    for request in requests:
        ranges.setdefault(request.owner, []).append((request.address, request.size))
    for owner, asked in ranges.items():
        yield request_record(owner, asked)
