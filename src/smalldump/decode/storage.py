"""Last storage requests: what storport had sent to a disk, and what was still under way.

Source: DEVICEDUMP_STORAGESTACK_PUBLIC_DUMP and its state records (winioctl.h); measured in 21 real dumps: start
and end times lie before the crash, requests without an end have no valid status.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from smalldump.decode.values import Json, JsonObject, filetime_utc, known, text8
from smalldump.layout.record import Buffer, Record, raw, u8, u32, u64

__all__ = ["decode_storage"]

_RECORD_LIMIT = 1024
_SHOWN = 16
_SRB_STATUS_SUCCESS = 1
_SRB_STATUS_MASK = 0x3F
_HUNDRED_NS_PER_MS = 10_000


class StorageStackDump(Record, size=0x24):
    """DEVICEDUMP_STORAGESTACK_PUBLIC_DUMP without its records; what follows in the blob is an array of them."""

    signature = raw(0x00, 4, "`DSTP`")
    version = u32(0x04)
    size = u32(0x08, "bytes of the blob")
    reason_for_collection = u32(0x0C)
    driver_name = raw(0x10, 16)
    number_of_records = u32(0x20, "records in use")


class StorageRequest(Record, size=0x3C):
    """DEVICEDUMP_STORAGESTACK_PUBLIC_STATE_RECORD. Times are FILETIMEs."""

    cdb_operation = u8(0x00, "SCSI operation code")
    srb_function = u8(0x10, "SRB function, set where there is no SCSI command")
    start_time = u64(0x20)
    end_time = u64(0x28, "0: the request was under way")
    operation_status = u32(0x30, "SRB status")
    operation_error = u32(0x34)
    srb_tag = u32(0x38)


def decode_storage(data: Buffer, _private: bool) -> JsonObject:
    """How many requests of each kind there were, those under way and those that failed, and the slowest (ms).

    Raises:
        Truncated: The header before the records is cut.
    """
    header = StorageStackDump(data)
    requests = [each for each in _requests(data, header.number_of_records) if each.start]
    done = [each for each in requests if each.end]
    kinds = Counter(each.operation for each in requests)
    pending: list[Json] = [
        {"operation": each.operation, "start_utc": filetime_utc(each.start)} for each in requests if not each.end
    ]
    failed: list[Json] = [
        {"operation": each.operation, "srb_status": f"{each.status:#x}"}
        for each in done
        if each.status & _SRB_STATUS_MASK != _SRB_STATUS_SUCCESS
    ]
    return known(
        driver=text8(header.driver_name),
        requests=len(requests),
        operations=dict(kinds.most_common(_SHOWN)),
        last_completion_utc=filetime_utc(max((each.end for each in done), default=0)),
        slowest_ms=round(max(0, 0, *(each.end - each.start for each in done)) / _HUNDRED_NS_PER_MS, 1),
        pending_count=len(pending),
        pending=pending[:_SHOWN],
        failed_count=len(failed),
        failed=failed[:_SHOWN],
    )


class _Request(NamedTuple):
    operation: str
    start: int
    end: int
    status: int


def _requests(data: Buffer, promised: int) -> Iterator[_Request]:
    room = (len(data) - StorageStackDump.SIZE) // StorageRequest.SIZE
    count = min(promised, room, _RECORD_LIMIT)
    records = memoryview(data)[StorageStackDump.SIZE : StorageStackDump.SIZE + count * StorageRequest.SIZE]
    for code, function, start, end, status in _REQUEST.iter_unpack(records):
        yield _Request(_operation(code, function), start, end, status)


_REQUEST = StorageRequest.unpacker("cdb_operation", "srb_function", "start_time", "end_time", "operation_status")


def _operation(code: int, function: int) -> str:
    """The command in SCSI's words, or its number."""
    if not code and function:
        return _SRB_FUNCTIONS.get(function, f"SRB function {function:#04x}")
    return _OPERATIONS.get(code, f"operation {code:#04x}")


_OPERATIONS = {
    0x00: "TEST UNIT READY",
    0x03: "REQUEST SENSE",
    0x12: "INQUIRY",
    0x1A: "MODE SENSE(6)",
    0x1B: "START STOP UNIT",
    0x25: "READ CAPACITY(10)",
    0x28: "READ(10)",
    0x2A: "WRITE(10)",
    0x35: "SYNCHRONIZE CACHE(10)",
    0x42: "UNMAP",
    0x85: "ATA PASS-THROUGH(16)",
    0x88: "READ(16)",
    0x8A: "WRITE(16)",
    0x91: "SYNCHRONIZE CACHE(16)",
    0xA1: "ATA PASS-THROUGH(12)",
}
_SRB_FUNCTIONS = {0x02: "IO CONTROL", 0x07: "SHUTDOWN", 0x08: "FLUSH"}
