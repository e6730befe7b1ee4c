"""SMBIOS: hand-made tables, 2.x and 3.x, broken ones, and real dumps."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smalldump.decode.smbios import decode_smbios, smbios_structures
from tests.decode.conftest import RealDump

SMBIOS = "bc5c008f-1e3a-44d7-988d-86f6884c6758"


def structure(kind: int, body: bytes, *strings: str) -> bytes:
    text = b"".join(s.encode() + b"\0" for s in strings) or b"\0"
    return bytes([kind, len(body) + 4, 0x34, 0x12]) + body + text + b"\0"


def tables(*structures: bytes, version: tuple[int, int] = (3, 2)) -> bytes:
    body = b"".join(structures)
    return bytes([0, *version, 0]) + struct.pack("<I", len(body)) + body


def decode(*structures: bytes, private: bool = False) -> dict[str, Any]:
    return decode_smbios(tables(*structures), private)


BIOS = structure(0, bytes([1, 2, 0, 0xF0, 3, 0xFF]) + bytes(8), "Maker", "1.20", "02/29/2024")
UUID_BYTES = bytes.fromhex("33221100554477668899aabbccddeeff")
SYSTEM = structure(
    1, bytes([1, 2, 0, 3]) + UUID_BYTES + bytes([6, 4, 5]), "Maker", "Model 1", "SN-1", "SKU-1", "Family 1"
)


def test_bios_and_version() -> None:
    value = decode(BIOS)
    assert value == {"version": "3.2", "bios": {"vendor": "Maker", "version": "1.20", "date": "02/29/2024"}}


def test_system_hides_serial_and_uuid() -> None:
    assert decode(SYSTEM)["system"] == {
        "vendor": "Maker",
        "product": "Model 1",
        "sku": "SKU-1",
        "family": "Family 1",
        "serial": {"absent": "private"},
        "uuid": {"absent": "private"},
    }
    private = decode(SYSTEM, private=True)["system"]
    assert (private["serial"], private["uuid"]) == ("SN-1", "00112233-4455-6677-8899-aabbccddeeff")


def test_short_structure_of_smbios_2_0_has_fewer_fields() -> None:
    assert decode(structure(1, bytes([1, 2, 0, 0]), "Maker", "Old"))["system"] == {
        "vendor": "Maker",
        "product": "Old",
    }


def test_uuid_that_is_not_set_is_left_out() -> None:
    unset = structure(1, bytes([1, 0, 0, 0]) + b"\xff" * 16, "Maker")
    assert decode(unset, private=True)["system"] == {"vendor": "Maker"}


def test_board_and_chassis() -> None:
    value = decode(
        structure(2, bytes([1, 2, 0, 3, 4]), "Maker", "Board", "SN-2", "tag"),
        structure(3, bytes([1, 0x8A, 0, 2, 0]), "Maker", "SN-3"),
    )
    assert value["board"]["product"] == "Board"
    assert value["board"]["asset_tag"] == {"absent": "private"}
    assert value["chassis"] == {"vendor": "Maker", "type": "notebook", "serial": {"absent": "private"}}


def processor(cores: int, threads: int, wide: bytes = b"") -> bytes:
    body = bytearray(0x28 - 4)
    body[0x04 - 4], body[0x07 - 4], body[0x10 - 4] = 1, 2, 3
    struct.pack_into("<HH", body, 0x14 - 4, 4000, 3600)
    body[0x23 - 4], body[0x25 - 4] = cores, threads
    return structure(4, bytes(body) + wide, "AM4", "Vendor", "CPU name   ")


def test_processor() -> None:
    assert decode(processor(6, 12))["processors"] == [
        {
            "socket": "AM4",
            "vendor": "Vendor",
            "name": "CPU name",
            "max_mhz": 4000,
            "current_mhz": 3600,
            "cores": 6,
            "threads": 12,
        }
    ]


def test_processor_with_more_than_255_threads() -> None:
    wide = struct.pack("<HHHH", 0, 300, 300, 600)
    (value,) = decode(processor(0xFF, 0xFF, wide))["processors"]
    assert (value["cores"], value["threads"]) == (300, 600)


def module(size: int, extended: int = 0, speed: int = 3200) -> bytes:
    body = bytearray(0x5C - 4)
    struct.pack_into("<H", body, 0x0C - 4, size)
    body[0x10 - 4], body[0x12 - 4], body[0x17 - 4], body[0x18 - 4], body[0x1A - 4] = 1, 0x1A, 2, 3, 4
    struct.pack_into("<H", body, 0x15 - 4, speed)
    struct.pack_into("<IH", body, 0x1C - 4, extended, 2933)
    struct.pack_into("<I", body, 0x54 - 4, 70000)
    return structure(17, bytes(body), "DIMM_A1", "Maker", "SN-4", "PART-1")


def test_memory_modules_and_their_sum() -> None:
    value = decode(module(8192), module(0), module(0x7FFF, 65536, 0xFFFF), module(0xFFFF), module(0x8000 | 512))
    sizes = [entry.get("size_mib") for entry in value["memory_modules"]]
    assert sizes == [8192, 0, 65536, None, 0]
    assert value["memory_mib"] == 8192 + 65536
    assert value["memory_modules"][0] == {
        "slot": "DIMM_A1",
        "size_mib": 8192,
        "type": "DDR4",
        "speed_mts": 3200,
        "configured_mts": 2933,
        "vendor": "Maker",
        "part_number": "PART-1",
        "serial": {"absent": "private"},
    }
    assert value["memory_modules"][2]["speed_mts"] == 70000


def test_memory_array() -> None:
    value = decode(structure(16, struct.pack("<BBBIHH", 3, 3, 6, 0x2000000, 0xFFFE, 4)))
    assert value["memory_arrays"] == [
        {"use": "system", "error_correction": "multi-bit ECC", "capacity_mib": 32768, "slots": 4}
    ]


def test_string_numbers_that_lead_nowhere() -> None:
    assert decode(structure(0, bytes([9, 0, 0, 0, 255, 0]), "Maker"))["bios"] == {}


def test_end_of_table_ends_the_walk() -> None:
    value = decode(structure(127, b""), BIOS)
    assert "bios" not in value


def test_structure_shorter_than_its_header_ends_the_walk() -> None:
    assert [s.type for s in smbios_structures(BIOS + bytes([5, 3, 0, 0, 0, 0]) + SYSTEM)] == [0]


def test_lists_are_bounded() -> None:
    value = decode(*[module(1024)] * 1000)
    assert len(value["memory_modules"]) == 256


@given(st.binary(max_size=300))
def test_walk_ends_for_any_bytes(noise: bytes) -> None:
    for data in (noise, BIOS + noise):
        found = list(smbios_structures(data))
        assert sum(len(s.area) + sum(map(len, s.strings)) for s in found) <= len(data)
    assert found[0].type == 0


def test_real_machines_have_a_maker_a_bios_and_memory(real_dumps: list[RealDump]) -> None:
    seen = 0
    for dump in real_dumps:
        if SMBIOS not in dump.blobs:
            continue
        seen += 1
        value: dict[str, Any] = decode_smbios(dump.blobs[SMBIOS], False)
        assert {"bios", "system", "board", "chassis"} <= value.keys()
        assert value["bios"].keys() == {"vendor", "version", "date"}
        assert value["memory_mib"] % 1024 == 0
        (cpu,) = value["processors"]
        assert 1 <= cpu["cores"] <= cpu["threads"] <= 2 * cpu["cores"]
    assert seen == 19


def test_real_serials_are_hidden(real_dumps: list[RealDump]) -> None:
    def check(value: Any) -> int:
        if isinstance(value, list):
            return sum(map(check, value))
        if not isinstance(value, dict):
            return 0
        hidden = {"serial", "uuid", "asset_tag"} & value.keys()
        assert all(value[name] == {"absent": "private"} for name in hidden)
        return len(hidden) + sum(map(check, value.values()))

    assert all(
        check(decode_smbios(d.blobs[SMBIOS], False)) > 0 for d in real_dumps if d.build == 19041 and SMBIOS in d.blobs
    )
