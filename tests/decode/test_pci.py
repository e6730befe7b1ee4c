"""PCI configuration: hand-made records and real dumps."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from smalldump.decode.pci import decode_pci
from tests.decode.conftest import RealDump

PCI = "9276c055-eb87-425c-b8b5-04e4d247f6cd"


def record(location: int, vendor: int, device: int, header: int = 0, size: int = 0x7C) -> bytes:
    raw = bytearray(size)
    raw[:4] = b"PCfg"
    struct.pack_into("<III", raw, 4, size, 1, location)
    struct.pack_into("<HHHHBBBBxxB", raw, 0x3C, vendor, device, 0, 0, 0xA1, 0x02, 0x08, 0x01, header)
    struct.pack_into("<HH", raw, 0x68, 0x1028, 0x0BD5)
    return bytes(raw)


def test_devices() -> None:
    blob = record(0x0010, 0x8086, 0xA780, size=0x142) + record(0x0A01, 0x10DE, 0x22BE, header=0x81)
    assert decode_pci(blob, False) == {
        "devices": [
            {
                "at": "00:02.0",
                "id": "8086:a780",
                "revision": "0xa1",
                "class_code": "0x010802",
                "subsystem": "1028:0bd5",
            },
            {"at": "0a:00.1", "id": "10de:22be", "revision": "0xa1", "class_code": "0x010802"},
        ],
        "no_answer": [],
    }


def test_device_that_did_not_answer() -> None:
    value = decode_pci(record(0x0100, 0xFFFF, 0xFFFF, header=0xFF), False)
    assert value == {"devices": [], "no_answer": ["01:00.0"]}


@pytest.mark.parametrize(
    "rest",
    [
        b"PCfg",
        b"XXXX" + record(0, 1, 1)[4:],
        record(0, 1, 1)[:4] + bytes(4) + record(0, 1, 1)[8:],
        record(0, 1, 1)[:4] + b"\xff" * 4 + record(0, 1, 1)[8:],
    ],
)
def test_rest_that_is_no_record_is_counted(rest: bytes) -> None:
    value: Any = decode_pci(record(0x0010, 0x8086, 0xA780) + rest, False)
    assert len(value["devices"]) == 1
    assert value["unread"] == len(rest)


def test_number_of_devices_is_bounded() -> None:
    value: Any = decode_pci(record(0, 1, 1) * 2000, False)
    assert len(value["devices"]) == 1024


def test_real_machines(real_dumps: list[RealDump]) -> None:
    blobs = [dump.blobs[PCI] for dump in real_dumps if dump.blobs.get(PCI)]
    assert len(blobs) == 8
    for blob in blobs:
        value: Any = decode_pci(blob, False)
        assert "unread" not in value
        host = value["devices"][0]
        assert (host["at"], host["class_code"]) == ("00:00.0", "0x060000")
        assert host["id"][:4] in ("8086", "1022")
        places = [d["at"] for d in value["devices"]] + value["no_answer"]
        assert len(places) == len(set(places))
        assert any(d["class_code"].startswith("0x03") for d in value["devices"]) or value["no_answer"]
