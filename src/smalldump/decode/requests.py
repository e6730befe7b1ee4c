"""Requests for data blocks: which component asked the kernel to put which memory into the dump.

The form of the records is in `layout.requests`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from smalldump.decode.values import Json, JsonObject, known, text8
from smalldump.layout.record import Buffer
from smalldump.layout.requests import RANGE_LIMIT, REQUEST_LIMIT, AddressRange, TriageRequestHead

__all__ = ["TriageRequest", "decode_requests", "triage_requests"]

_HEAD = TriageRequestHead.unpacker("ranges", "name_size")
_RANGE = AddressRange.unpacker("address", "size")


class TriageRequest(NamedTuple):
    """What one component asked for: (address, bytes) pairs; `end` is the offset behind its record."""

    component: str
    ranges: tuple[tuple[int, int], ...]
    end: int


def triage_requests(data: Buffer) -> Iterator[TriageRequest]:
    """The requests in file order, up to the first record that does not fit into the blob."""
    view = memoryview(data)
    position, left = 0, RANGE_LIMIT
    for _ in range(REQUEST_LIMIT):
        if len(view) - position < _HEAD.size:
            return
        count, name_size = _HEAD.unpack_from(view, position)
        start = position + _HEAD.size
        name = start + count * _RANGE.size
        if count > left or name + name_size > len(view):
            return
        ranges = tuple((address, size) for address, size in _RANGE.iter_unpack(view[start:name]))
        position = name + name_size
        left -= count
        yield TriageRequest(text8(view[name:position]), ranges, position)


def decode_requests(data: Buffer, _private: bool) -> JsonObject:
    """Components with the ranges they asked for; `unread` counts bytes behind the last sound record."""
    requests = list(triage_requests(data))
    end = requests[-1].end if requests else 0
    return {"requests": [_request(request) for request in requests]} | known(unread=len(data) - end or None)


def _request(request: TriageRequest) -> Json:
    ranges: list[Json] = [{"address": f"{address:#x}", "size": size} for address, size in request.ranges]
    return {"component": request.component, "ranges": ranges}
