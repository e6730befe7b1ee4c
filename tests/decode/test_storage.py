"""Last storage requests: hand-made records and real dumps."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

import pytest

from smalldump.decode.storage import decode_storage
from smalldump.errors import Truncated
from tests.decode.conftest import RealDump

STORAGE = "da82441d-7142-4bc1-b844-0807c5a4b67f"
NOON = 126444736000000000


def dump(*records: bytes, count: int | None = None) -> bytes:
    size = 0x24 + 60 * len(records)
    head = b"DSTP" + struct.pack("<III16sI", 0x60, size, 0, b"storport.sys", len(records) if count is None else count)
    return head + b"".join(records)


def request(code: int, start: int, end: int, status: int = 1, function: int = 0) -> bytes:
    return struct.pack("<B15xB15xQQIII", code, function, start, end, status, 0, 0x01020304)


def test_completed_pending_and_failed_requests() -> None:
    value = decode_storage(
        dump(
            request(0x2A, NOON, NOON + 12_345_000),
            request(0x2A, NOON, NOON + 10_000),
            request(0x28, NOON, NOON + 10_000, status=0x84),
            request(0x35, NOON, 0, status=0x20),
            request(0x00, NOON, 0, function=8),
            bytes(60),
        ),
        False,
    )
    assert value == {
        "driver": "storport.sys",
        "requests": 5,
        "operations": {"WRITE(10)": 2, "READ(10)": 1, "SYNCHRONIZE CACHE(10)": 1, "FLUSH": 1},
        "last_completion_utc": "2001-09-09T01:46:41.234Z",
        "slowest_ms": 1234.5,
        "pending_count": 2,
        "pending": [
            {"operation": "SYNCHRONIZE CACHE(10)", "start_utc": "2001-09-09T01:46:40.000Z"},
            {"operation": "FLUSH", "start_utc": "2001-09-09T01:46:40.000Z"},
        ],
        "failed_count": 1,
        "failed": [{"operation": "READ(10)", "srb_status": "0x84"}],
    }


def test_unknown_operations_are_numbers() -> None:
    value: Any = decode_storage(dump(request(0xEE, 1, 0), request(0, 1, 0, function=0x33)), False)
    assert set(value["operations"]) == {"operation 0xee", "SRB function 0x33"}


def test_count_beyond_the_blob_is_not_believed() -> None:
    value: Any = decode_storage(dump(request(0x28, 1, 2), count=0xFFFFFFFF) + b"rest", False)
    assert value["requests"] == 1


def test_lists_are_bounded_but_counts_are_true() -> None:
    value: Any = decode_storage(dump(*[request(0x28, 1, 0)] * 40), False)
    assert (len(value["pending"]), value["pending_count"]) == (16, 40)


def test_cut_header() -> None:
    with pytest.raises(Truncated):
        decode_storage(dump()[:-1], False)


def test_real_requests_ended_before_the_crash(real_dumps: list[RealDump]) -> None:
    seen = 0
    for real in real_dumps:
        value: Any = decode_storage(real.blobs[STORAGE], False)
        assert value["driver"] == "storport.sys"
        assert value["failed_count"] == 0
        assert value["requests"] == sum(value["operations"].values())
        if "last_completion_utc" in value:
            seen += 1
            last = datetime.strptime(value["last_completion_utc"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
            crash = real.crash / 10_000_000 - 11_644_473_600
            assert -60 < last.timestamp() - crash <= 0.001
    assert seen == 20
