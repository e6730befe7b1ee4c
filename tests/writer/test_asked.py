"""Who asked for what: the record in the triage-data blob."""

from __future__ import annotations

from smalldump.decode.requests import triage_requests
from smalldump.layout.requests import TRIAGEDUMP_DATA, request_record
from smalldump.model import Blob
from smalldump.model.requests import RangeRequest, Rank
from smalldump.sources.builder import SnapshotBuilder
from smalldump.writer.asked import with_requests

HERE = 0x10000
OTHER = Blob("0f4a1d9e-5b7c-4f0e-9a8b-112233445566", memoryview(b"other"), 0)
OWN = Blob(TRIAGEDUMP_DATA, memoryview(request_record("IoTriageDumpData", [(HERE, 4)])), 0)


def request(address: int, size: int, owner: str) -> RangeRequest:
    return RangeRequest(address, size, "state", owner, Rank.COMPONENT)


def recorded(*requests: RangeRequest, blobs: tuple[Blob, ...] = ()) -> list[tuple[str, list[tuple[str, object]]]]:
    machine = SnapshotBuilder(memory={HERE: bytes(64)}, blobs=blobs).build()
    found = with_requests(machine, requests, machine.blobs)
    return [(blob.guid, [(r.component, r.ranges) for r in triage_requests(blob.data)]) for blob in found]


def test_a_new_blob() -> None:
    asked = (request(HERE, 8, "wobble"), request(HERE + 32, 8, "gizmo"), request(HERE + 16, 100, "wobble"))
    assert recorded(*asked) == [
        (TRIAGEDUMP_DATA, [("wobble", ((HERE, 8), (HERE + 16, 100))), ("gizmo", ((HERE + 32, 8),))])
    ]


def test_behind_the_records_of_the_machine() -> None:
    found = recorded(request(HERE, 8, "wobble"), blobs=(OWN, OTHER))
    assert [guid for guid, _ in found] == [TRIAGEDUMP_DATA, OTHER.guid]
    assert found[0][1] == [("IoTriageDumpData", ((HERE, 4),)), ("wobble", ((HERE, 8),))]


def test_what_the_machine_names_already_is_not_told_twice() -> None:
    found = recorded(request(HERE, 4, "IoTriageDumpData"), blobs=(OWN,))
    assert found == [(TRIAGEDUMP_DATA, [("IoTriageDumpData", ((HERE, 4),))])]


def test_another_range_of_a_known_component_is_told() -> None:
    found = recorded(request(HERE + 8, 4, "IoTriageDumpData"), blobs=(OWN,))
    assert found[0][1] == [("IoTriageDumpData", ((HERE, 4),)), ("IoTriageDumpData", ((HERE + 8, 4),))]


def test_requests_without_an_owner_or_without_memory_leave_no_trace() -> None:
    assert recorded(request(HERE, 8, ""), request(0x900000, 8, "wobble"), request(HERE, 0, "empty")) == []
    assert recorded(blobs=(OTHER,)) == [(OTHER.guid, [])]


def test_partly_readable_ranges_are_told() -> None:
    assert recorded(request(HERE - 0x100, 0x101, "wobble")) == [
        (TRIAGEDUMP_DATA, [("wobble", ((HERE - 0x100, 0x101),))])
    ]
