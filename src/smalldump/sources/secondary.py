"""Secondary data: the blobs behind the primary dump, and which component asked for which memory."""

from __future__ import annotations

from collections.abc import Sequence

from smalldump.decode.requests import triage_requests
from smalldump.layout.requests import TRIAGEDUMP_DATA
from smalldump.model.records import Blob, RequestedRange
from smalldump.sources.triage_file import TriageFile

__all__ = ["read_blobs", "read_requests"]


def read_blobs(file: TriageFile) -> tuple[Blob, ...]:
    """The blobs in file order."""
    spans = file.blob_chain.blobs
    return tuple(Blob(span.tag, file.view(span.offset, span.size), span.offset) for span in spans)


def read_requests(blobs: Sequence[Blob]) -> tuple[RequestedRange, ...]:
    """What components asked for, in file order; real dumps have one such blob, and of many the first counts."""
    blob = next((blob for blob in blobs if blob.guid == TRIAGEDUMP_DATA), None)
    return tuple(
        RequestedRange(request.component, address, size)
        for request in (triage_requests(blob.data) if blob else ())
        for address, size in request.ranges
    )
