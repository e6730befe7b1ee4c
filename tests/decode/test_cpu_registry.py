"""CPU registry values: hand-made records, cut ones, and real dumps."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.decode.cpu_registry import decode_cpu_registry, registry_values
from tests.decode.conftest import RealDump

CPU_REGISTRY = "6c7ac389-4313-47dc-9f34-a8800a0fb56c"
CPUID = "d03dc06f-d88e-44c5-ba2a-fae035172d19"

MHZ = bytes.fromhex("0a000000 7e004d0048007a000000 04000000 04000000 220a0000")


def record(name: str, kind: int, data: bytes) -> bytes:
    raw = (name + "\0").encode("utf-16-le")
    return struct.pack("<I", len(raw)) + raw + struct.pack("<II", kind, len(data)) + data


def text(name: str, value: str) -> bytes:
    return record(name, 1, (value + "\0").encode("utf-16-le"))


def test_a_literal_record() -> None:
    (value,) = registry_values(MHZ)
    assert (value.name, value.type, value.value, value.end) == ("~MHz", 4, 2594, 26)


def test_all_values() -> None:
    blob = (
        MHZ
        + text("Identifier", "Intel64 Family 6 Model 58 Stepping 9")
        + text("ProcessorNameString", "CPU @ 2.60GHz   ")
        + text("VendorIdentifier", "GenuineIntel")
        + record("MSR8B", 11, struct.pack("<Q", 0x1B << 32))
        + record("Update Status", 4, bytes(4))
        + record("Configuration Data", 9, b"\xff" * 100)
    )
    assert decode_cpu_registry(blob, False) == {
        "name": "CPU @ 2.60GHz",
        "vendor": "GenuineIntel",
        "identifier": "Intel64 Family 6 Model 58 Stepping 9",
        "family": 6,
        "model": 58,
        "stepping": 9,
        "mhz": 2594,
        "microcode": "0x1b",
        "other": {"Update Status": 0, "Configuration Data": "ff" * 64},
    }


def test_arm_counts_in_hexadecimal() -> None:
    value = decode_cpu_registry(text("Identifier", "ARMv8 (64-bit) Family 8 Model 805 Revision D0E"), False)
    assert (value["family"], value["model"], value["revision"]) == (8, 0x805, 0xD0E)


@pytest.mark.parametrize("words", ["Family", "Family 6 Model A Stepping 9", "Family 99999 Model 1 Stepping 1"])
def test_identifier_that_says_nothing(words: str) -> None:
    assert decode_cpu_registry(text("Identifier", words), False) == {"identifier": words}


@pytest.mark.parametrize("cut", range(1, len(MHZ)))
def test_cut_record_is_counted_as_unread(cut: int) -> None:
    assert decode_cpu_registry(MHZ[:cut], False) == {"unread": cut}
    assert decode_cpu_registry(MHZ + MHZ[:cut], False) == {"mhz": 2594, "unread": cut}


def test_huge_sizes_lead_nowhere() -> None:
    assert decode_cpu_registry(b"\xff" * 64, False) == {"unread": 64}


@given(st.binary(max_size=200))
def test_any_bytes(noise: bytes) -> None:
    values = list(registry_values(MHZ + noise))
    assert values[0].value == 2594
    assert values[-1].end <= len(MHZ + noise)


def test_real_values_agree_with_cpuid(real_dumps: list[RealDump]) -> None:
    for dump in real_dumps:
        value = decode_cpu_registry(dump.blobs[CPU_REGISTRY], False)
        assert "unread" not in value
        assert {"name", "vendor", "identifier", "family", "model", "mhz"} <= value.keys()
        if CPUID in dump.blobs:
            raw = dump.blobs[CPUID]
            (eax,) = struct.unpack_from("<I", raw, 40 + 0x18)
            assert struct.unpack_from("<II", raw, 40) == (0, 1)
            assert value["stepping"] == eax & 0xF
            assert value["family"] == (eax >> 8 & 0xF) + (eax >> 20 & 0xFF)
