"""Black boxes: hand-made ones at literal offsets, and real dumps."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

import pytest

from smalldump.decode.blackbox import (
    decode_boot_status,
    decode_code_integrity,
    decode_ntfs,
    decode_pnp,
    decode_process_path,
    decode_winlogon,
)
from smalldump.errors import FormatError, Truncated
from tests.decode.conftest import RealDump

BOOT_STATUS = "f57308df-cc45-4e01-ad76-29a4ebb010ec"
NTFS = "00afe9c4-940d-4213-8016-cd3719b5bc20"
PNP = "b7631941-532a-4cd6-b1b1-edb5917d4557"
WINLOGON = "80cc79cf-a719-4af1-bf97-fe29ff76ebc1"
CODE_INTEGRITY = "4ee76bd8-3cf4-44a0-a0ac-3937643e37a3"
PROCESS_PATH = "be84d651-a550-4367-8e63-ab792b631f94"
NOON, NOON_TEXT = 126444736000000000, "2001-09-09T01:46:40.000Z"


def seconds(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()


def unix(filetime: int) -> float:
    return filetime / 10_000_000 - 11_644_473_600


def text_box(text: str, head: int) -> bytes:
    raw = text.encode("utf-16-le") + bytes(4)
    return struct.pack("<II", 1, head + len(raw)).ljust(head, b"\0") + raw


def test_boot_status() -> None:
    blob = bytearray(176)
    struct.pack_into("<IIBBBB", blob, 0, 176, 1, 0, 30, 1, 0)
    blob[0x18] = 0x41
    struct.pack_into("<QIIBBBxIII", blob, 0x20, NOON, 0xB6AE84B7, 6, 2, 1, 0x7F, 6, 2, 5)
    assert decode_boot_status(blob, False) == {
        "version": 176,
        "product_type": 1,
        "auto_advanced_boot": False,
        "advanced_boot_menu_timeout": 30,
        "last_boot_succeeded": True,
        "last_boot_shutdown": False,
        "sleep_in_progress": False,
        "system_running": True,
        "last_reference_time_utc": NOON_TEXT,
        "last_update_boot_id": 6,
        "boot_attempt_count": 2,
        "last_boot_checkpoint": True,
        "last_boot_id": 6,
        "last_successful_shutdown_boot_id": 2,
        "last_reported_abnormal_shutdown_boot_id": 5,
    }
    with pytest.raises(FormatError, match="black box of another size"):
        decode_boot_status(bytes(blob) + b"\0", False)
    with pytest.raises(Truncated):
        decode_boot_status(blob[:0x3F], False)


def test_winlogon() -> None:
    assert decode_winlogon(text_box("WluiSomething", 12), False) == {"state": "WluiSomething"}
    with pytest.raises(FormatError):
        decode_winlogon(text_box("WluiSomething", 12)[:-2], False)


def test_process_path_hides_the_user() -> None:
    blob = text_box(r"\Device\HarddiskVolume3\Users\jane\x.exe", 8)
    assert decode_process_path(blob, False) == {"path": r"\Device\HarddiskVolume3\Users\<user>\x.exe"}
    assert decode_process_path(blob, True) == {"path": r"\Device\HarddiskVolume3\Users\jane\x.exe"}


def test_pnp_hides_the_instance() -> None:
    blob = bytes(16) + struct.pack("<Q", NOON) + bytes(20) + "USB\\VID_1234&PID_5678\\SERIAL".encode("utf-16-le")
    assert decode_pnp(blob, False) == {
        "time_utc": NOON_TEXT,
        "device": "USB\\VID_1234&PID_5678",
        "instance": {"absent": "private"},
    }
    assert decode_pnp(blob, True)["instance"] == "SERIAL"
    assert decode_pnp(bytes(0x2C), False) == {}


def test_ntfs() -> None:
    blob = struct.pack("<HHIQHHI", 0, 0x40, 0x118, NOON, 8, 0x18, 0).ljust(0x40, b"\0")
    assert decode_ntfs(blob, False) == {"time_utc": NOON_TEXT, "empty": True}
    assert decode_ntfs(blob[:-1] + b"\1", False)["empty"] is False


def integrity(path: str) -> bytes:
    raw = path.encode("utf-16-le")
    blob = bytearray(0xD6) + raw + b"\xaa" * 10
    struct.pack_into("<HH", blob, 0, len(blob), 2)
    struct.pack_into("<Q", blob, 0x18, NOON)
    struct.pack_into("<I", blob, 0x38, 0xC0000428)
    struct.pack_into("<H", blob, 0xD4, len(raw))
    return bytes(blob)


def test_code_integrity() -> None:
    assert decode_code_integrity(integrity("\\Windows\\x.sys"), False) == {
        "file": {"path": "\\Windows\\x.sys", "status": "0xc0000428", "time_utc": NOON_TEXT}
    }
    assert decode_code_integrity(integrity(""), False) == {"file": None}


def test_real_boot_status(real_dumps: list[RealDump]) -> None:
    dumps = [dump for dump in real_dumps if BOOT_STATUS in dump.blobs]
    assert len(dumps) == 8
    for dump in dumps:
        value: Any = decode_boot_status(dump.blobs[BOOT_STATUS], False)
        assert value["last_boot_id"] == value["last_update_boot_id"] >= value["last_successful_shutdown_boot_id"]
        assert value["system_running"] or not value["last_boot_succeeded"]
        assert -1200 < seconds(value["last_reference_time_utc"]) - unix(dump.crash) <= 0


def test_real_boxes_are_of_the_time_between_boot_and_crash(real_dumps: list[RealDump]) -> None:
    seen = 0
    for dump in real_dumps:
        boxes: list[Any] = [
            decode_ntfs(dump.blobs[NTFS], False) if NTFS in dump.blobs else {},
            decode_pnp(dump.blobs[PNP], False) if PNP in dump.blobs else {},
            decode_code_integrity(dump.blobs[CODE_INTEGRITY], False)["file"] or {}
            if CODE_INTEGRITY in dump.blobs
            else {},
        ]
        for box in boxes:
            if "time_utc" in box:
                seen += 1
                assert unix(dump.boot) < seconds(box["time_utc"]) < unix(dump.crash)
    assert seen == 9 + 5 + 3


def test_real_texts_are_words_and_paths(real_dumps: list[RealDump]) -> None:
    states = [str(decode_winlogon(d.blobs[WINLOGON], False)["state"]) for d in real_dumps if WINLOGON in d.blobs]
    assert len(states) == 7
    assert all(state.replace("_", "").isalpha() for state in states)
    paths = [
        str(decode_process_path(d.blobs[PROCESS_PATH], False)["path"]) for d in real_dumps if PROCESS_PATH in d.blobs
    ]
    assert len(paths) == 4
    assert all(path.startswith("\\Device\\") and path.endswith(".exe") for path in paths)
