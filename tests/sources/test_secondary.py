"""Secondary data of whole dumps; the chain itself is tested in layout."""

from __future__ import annotations

from smalldump.layout.requests import TRIAGEDUMP_DATA, request_record
from smalldump.model import RequestedRange
from tests.sources.reading import read
from tests.synth import Blob, kernel_written_dump, x64_dump, x86_dump

FILLER = "00000000-0000-0000-0000-000000000000"


def test_blobs_in_file_order() -> None:
    for dump in (x64_dump(), kernel_written_dump()):
        written = [(blob.tag.lower(), blob.data) for blob in dump.facts.blobs if blob.data or blob.tag != FILLER]
        blobs = read(dump).blobs
        assert [(blob.guid, bytes(blob.data)) for blob in blobs] == written
        assert all(dump.bytes[blob.offset :].startswith(blob.data) for blob in blobs)


def test_requests_name_component_and_range() -> None:
    dump = x64_dump()
    by_component: dict[str, list[RequestedRange]] = {}
    for request in read(dump).requests:
        by_component.setdefault(request.component, []).append(request)
    assert set(by_component) == {"IoTriageDumpData", "WobbleFsTriage"}
    (asked,) = by_component["WobbleFsTriage"]
    block = next(block for block in dump.facts.blocks if block.address == asked.address)
    assert asked.size == len(block.data)


def test_requests_that_are_broken() -> None:
    broken = Blob(TRIAGEDUMP_DATA, b"\xff" * 40)
    assert read(x64_dump(blobs=[broken])).requests == ()


def test_of_many_blobs_of_requests_the_first_counts() -> None:
    asked = [Blob(TRIAGEDUMP_DATA, request_record(name, [(0xFFFFA000 << 32, 8)])) for name in ("first", "second")]
    assert [request.component for request in read(x64_dump(blobs=asked)).requests] == ["first"]


def test_no_secondary_data() -> None:
    machine = read(x86_dump())
    assert (machine.blobs, machine.requests) == ((), ())
    assert machine.file.blob_chain.end == 0x10000


def test_what_follows_the_chain_is_not_part_of_the_dump() -> None:
    dump = kernel_written_dump()
    assert dump.facts.stale
    chain = read(dump).file.blob_chain
    assert chain.end < len(dump)
    assert len(chain.blobs) == len([blob for blob in dump.facts.blobs if blob.data or blob.tag != FILLER])
