"""Requests for data blocks: hand-made records, hostile ones, and real dumps."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from smalldump.decode.requests import decode_requests, triage_requests
from tests.decode.conftest import RealDump

REQUESTS = "2b4ae195-a64d-4f04-8ede-7e4f981bd42a"

TWO = bytes.fromhex(
    "02000000 02000000 00100000 04f8ffff 1000000000000000 00200000 04f8ffff 0800000000000000 6200"
    "00000000 05000000 4e616d6500"
)


def test_two_components() -> None:
    assert decode_requests(TWO, False) == {
        "requests": [
            {
                "component": "b",
                "ranges": [
                    {"address": "0xfffff80400001000", "size": 16},
                    {"address": "0xfffff80400002000", "size": 8},
                ],
            },
            {"component": "Name", "ranges": []},
        ]
    }


def test_rest_that_does_not_fit_is_counted() -> None:
    assert decode_requests(TWO + b"\xff" * 9, False)["unread"] == 9
    assert decode_requests(TWO[:41], False) == {"requests": [], "unread": 41}


def test_output_is_bounded() -> None:
    many = struct.pack("<II", 5000, 0) + bytes(16 * 5000)
    assert decode_requests(many, False) == {"requests": [], "unread": len(many)}
    assert len(list(triage_requests(bytes(8 * 1000)))) == 256


@given(st.binary(max_size=200))
def test_any_bytes(noise: bytes) -> None:
    requests = list(triage_requests(TWO + noise))
    assert [r.component for r in requests[:2]] == ["b", "Name"]
    assert requests[-1].end <= len(TWO + noise)


def test_real_requests_are_read_to_the_last_byte(real_dumps: list[RealDump]) -> None:
    blobs = [dump.blobs[REQUESTS] for dump in real_dumps if REQUESTS in dump.blobs]
    assert len(blobs) == 7
    for blob in blobs:
        assert "unread" not in decode_requests(blob, False)
        requests = list(triage_requests(blob))
        assert any(len(r.ranges) >= 10 for r in requests)
        assert all(r.component.isprintable() and r.component for r in requests)
        assert all(address >> 47 == 0x1FFFF and size for r in requests for address, size in r.ranges)
