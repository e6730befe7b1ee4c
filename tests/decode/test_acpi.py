"""ACPI tables cut short: the number of tables is found by the walk that fits."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from smalldump.decode.acpi import decode_acpi
from smalldump.errors import Truncated
from tests.decode.conftest import RealDump

ACPI = "e83b40d2-b0a0-4842-abea-71c9e3463dd1"


def table(signature: bytes, length: int, kept: int) -> bytes:
    header = signature + struct.pack("<IBB", length, 1, 0x77) + b"OEMID\0" + b"OEMTABLE" + struct.pack("<I", 0x1072009)
    return (header + b"MSFT" + bytes(4)).ljust(kept, b"\xaa")[:kept]


SSDT = table(b"SSDT", 789, 36)
TEN = (
    table(b"FACP", 276, 40)
    + table(b"BOOT", 40, 40)
    + table(b"HPET", 56, 40)
    + SSDT * 3
    + table(b"TINY", 37, 37)
    + table(b"MCFG", 60, 40)
    + table(b"MSDM", 85, 40)
    + table(b"ASF!", 160, 40)
)


def test_ten_tables_keep_forty_bytes_each() -> None:
    value: Any = decode_acpi(TEN, False)
    assert value["complete"]
    assert [(t["signature"], t["length"], t["count"]) for t in value["tables"]] == [
        ("FACP", 276, 1),
        ("BOOT", 40, 1),
        ("HPET", 56, 1),
        ("SSDT", 789, 3),
        ("TINY", 37, 1),
        ("MCFG", 60, 1),
        ("MSDM", 85, 1),
        ("ASF!", 160, 1),
    ]
    assert value["tables"][0]["oem"] == "OEMID"
    assert value["tables"][0]["oem_table"] == "OEMTABLE"
    assert value["tables"][0]["oem_revision"] == "0x1072009"


def test_where_no_number_fits_only_the_first_table_is_given() -> None:
    value: Any = decode_acpi(TEN + b"\0", False)
    assert not value["complete"]
    assert [t["signature"] for t in value["tables"]] == ["FACP"]


def test_less_than_a_header() -> None:
    with pytest.raises(Truncated):
        decode_acpi(TEN[:35], False)


def test_contents_of_tables_are_not_given_out() -> None:
    assert "aaaa" not in str(decode_acpi(TEN, True))
    assert b"\xaa".decode("latin-1") not in str(decode_acpi(TEN, True))


def test_real_blobs_are_walked_to_their_end(real_dumps: list[RealDump]) -> None:
    for dump in real_dumps:
        value: Any = decode_acpi(dump.blobs[ACPI], False)
        assert value["complete"], dump.name
        assert {"FACP", "APIC"} <= {t["signature"] for t in value["tables"]}
        assert 13 <= sum(t["count"] for t in value["tables"]) <= 30
