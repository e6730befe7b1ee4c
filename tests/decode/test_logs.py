"""Beginnings of logs: component, build and boot time, KMDF drivers."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

import pytest

from smalldump.decode.cpu_registry import decode_cpu_registry
from smalldump.decode.logs import decode_component_log, decode_kmdf_drivers, decode_trace_header
from smalldump.errors import Truncated
from tests.decode.conftest import RealDump

TRACE = "2b88b710-1c93-4f7c-b06c-655ecc50decc"
KMDF = "f87e4a4c-c5a1-4d2f-bff0-d5de63a5e4c3"
CPU_REGISTRY = "6c7ac389-4313-47dc-9f34-a8800a0fb56c"


def test_component_log() -> None:
    log = b"wdiwifi".ljust(28, b"\0")
    assert decode_component_log(log + b"WPLg" + bytes(8), False) == {"component": "wdiwifi", "has_log": True}
    assert decode_component_log(log + bytes(40), False) == {"component": "wdiwifi", "has_log": False}
    assert decode_component_log(bytes(28) + b"WPLg", False) == {"has_log": True}
    with pytest.raises(Truncated):
        decode_component_log(log, False)


def test_trace_header() -> None:
    header = struct.pack("<IIIIQ", 156250, 0xF0004A65, 3493, 0, 126444736000000000)
    assert decode_trace_header(header + b"more", False) == {
        "build": 19045,
        "mhz": 3493,
        "boot_time_utc": "2001-09-09T01:46:40.000Z",
    }
    with pytest.raises(Truncated):
        decode_trace_header(header[:-1], False)


def test_kmdf_drivers() -> None:
    def entry(name: bytes, major: int, minor: int) -> bytes:
        return struct.pack("<QIII32sI", 0xFFFF912F82000000, major, minor, 0, name, 0xDEAD)

    blob = entry(b"Wdf01000\0stale", 1, 31) + entry(b"", 0, 0) + entry(b"acpiex", 1, 15) + b"rest"
    assert decode_kmdf_drivers(blob, False) == {
        "drivers": [{"name": "Wdf01000", "version": "1.31"}, {"name": "acpiex", "version": "1.15"}]
    }


def test_real_trace_headers_agree_with_header_and_registry(real_dumps: list[RealDump]) -> None:
    dumps = [dump for dump in real_dumps if TRACE in dump.blobs]
    assert len(dumps) == 10
    for dump in dumps:
        value: Any = decode_trace_header(dump.blobs[TRACE], False)
        registry: Any = decode_cpu_registry(dump.blobs[CPU_REGISTRY], False)
        assert dump.build <= value["build"] <= dump.build + 5
        assert abs(value["mhz"] - registry["mhz"]) <= 1
        boot = datetime.strptime(value["boot_time_utc"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        assert abs(boot.timestamp() - (dump.boot / 10_000_000 - 11_644_473_600)) < 0.8


def test_real_kmdf_lists_begin_with_the_framework(real_dumps: list[RealDump]) -> None:
    for dump in real_dumps:
        drivers: Any = decode_kmdf_drivers(dump.blobs[KMDF], False)["drivers"]
        assert drivers[0]["name"] == "Wdf01000"
        assert len(dump.blobs[KMDF]) == 56 * len(drivers)
        assert all(d["version"].startswith("1.") for d in drivers)
