"""Processor registers: hand-made records and real dumps."""

from __future__ import annotations

import struct

from smalldump.decode.cpu_registry import decode_cpu_registry
from smalldump.decode.cpuid import decode_cpuid
from tests.decode.conftest import RealDump

CPU_REGISTRY = "6c7ac389-4313-47dc-9f34-a8800a0fb56c"
CPUID = "d03dc06f-d88e-44c5-ba2a-fae035172d19"


def leaf(number: int, *registers: int) -> bytes:
    return struct.pack("<II", 0, number) + b"\xee" * 16 + struct.pack("<4I", *registers)


def msr(number: int, other: int, this: int) -> bytes:
    return struct.pack("<IIQQQQ", 1, number, other, 0, this, 0)


INTEL = leaf(0, 0x20, 0x756E6547, 0x6C65746E, 0x49656E69)
AMD = leaf(0, 0x10, 0x68747541, 0x444D4163, 0x69746E65)


def test_intel() -> None:
    blob = (
        INTEL
        + leaf(1, 0x000B0671, 0x10200800, 0x10000020, 0)
        + leaf(0xB, 0, 0, 0x0B, 0x110)
        + msr(0x8B, 0x11D << 32, 0x11D << 32)
    )
    assert decode_cpuid(blob, False) == {
        "vendor": "GenuineIntel",
        "family": 6,
        "model": 0xB7,
        "stepping": 1,
        "apic_id": 0x110,
        "hypervisor": {"present": False},
        "microcode": "0x11d",
        "features": ["avx", "vmx"],
        "leaves": 3,
    }


def test_amd_with_name_and_hypervisor() -> None:
    name = b"AMD Something 8-Core".ljust(48)
    words = struct.unpack("<12I", name)
    blob = (
        AMD
        + leaf(1, 0x00870F10, 0x07100800, 0x80000000, 0)
        + leaf(0x40000000, 0, *struct.unpack("<3I", b"Microsoft Hv"))
        + leaf(0x80000002, *words[:4])
        + leaf(0x80000003, *words[4:8])
        + leaf(0x80000004, *words[8:])
        + msr(0x8B, 0x0A20120E, 0x0A201210)
    )
    value = decode_cpuid(blob, False)
    assert (value["vendor"], value["family"], value["model"], value["stepping"]) == ("AuthenticAMD", 23, 113, 0)
    assert value["name"] == "AMD Something 8-Core"
    assert value["apic_id"] == 7
    assert value["hypervisor"] == {"present": True, "vendor": "Microsoft Hv"}
    assert (value["microcode"], value["other_microcode"]) == ("0xa201210", "0xa20120e")


def test_nothing_is_made_up_without_leaves() -> None:
    assert decode_cpuid(msr(0x17, 1, 1), False) == {"features": [], "leaves": 0}


def test_a_cut_last_record_is_passed_over() -> None:
    assert decode_cpuid(INTEL + INTEL[:39], False)["leaves"] == 1


def test_real_processors_agree_with_their_registry_values(real_dumps: list[RealDump]) -> None:
    seen = 0
    for dump in real_dumps:
        if CPUID not in dump.blobs:
            continue
        seen += 1
        cpu, registry = (
            decode_cpuid(dump.blobs[CPUID], False),
            decode_cpu_registry(dump.blobs[CPU_REGISTRY], False),
        )
        for name in ("vendor", "family", "model", "stepping", "name"):
            assert cpu[name] == registry[name], (dump.name, name)
        assert cpu.get("microcode") == registry.get("microcode")
        assert isinstance(cpu["features"], list)
        assert {"sse4_2", "avx"} <= set(map(str, cpu["features"]))
    assert seen == 20
