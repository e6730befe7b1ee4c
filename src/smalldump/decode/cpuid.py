"""Processor registers: CPUID leaves and model-specific registers of the crashing processor and of another one.

Source: format reference §5 (40-byte records), seen in 20 real dumps; bits as in the Intel and AMD manuals.
Windows reads each leaf with ECX equal to the leaf's number (leaf 0xB echoes 0x0B in ECX in 20 of 20 dumps), so leaves
with subleaves are of little use: leaf 7, which has AVX2 and SMEP, is all zeros.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from types import MappingProxyType

from smalldump.decode.values import JsonObject, known, text8
from smalldump.layout.record import Buffer, Record, raw, u32

__all__ = ["FEATURES", "ProcessorRegister", "decode_cpuid"]

_CPUID, _MSR = 0, 1
_MICROCODE = 0x8B
_RECORD_LIMIT = 1024
_EAX, _EBX, _ECX, _EDX = range(4)
_Leaf = tuple[int, int, int, int]
_NO_LEAF: _Leaf = (0, 0, 0, 0)

FEATURES: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "sse4_2": (0x1, _ECX, 20),
        "aes": (0x1, _ECX, 25),
        "avx": (0x1, _ECX, 28),
        "rdrand": (0x1, _ECX, 30),
        "vmx": (0x1, _ECX, 5),
        "svm": (0x80000001, _ECX, 2),
        "invariant_tsc": (0x80000007, _EDX, 8),
    }
)
"""Feature -> leaf, register (EAX, EBX, ECX, EDX), bit. None is from leaf 7: see above."""


class ProcessorRegister(Record, size=40):
    """One record of the blob. CPUID: EAX, EBX, ECX, EDX; MSR: the 64-bit value, then zeros."""

    kind = u32(0x00, "0: CPUID, 1: MSR")
    number = u32(0x04, "CPUID leaf or number of the MSR")
    other_processor = raw(0x08, 16, "from another processor")
    crashing_processor = raw(0x18, 16, "from the crashing processor")


def decode_cpuid(data: Buffer, _private: bool) -> JsonObject:
    """Vendor, family, model, features and microcode of the crashing processor.

    `other_microcode` is there only where the other processor runs another revision than this one.
    """
    cpuid: dict[int, _Leaf] = {}
    leaves = 0
    revisions: tuple[int, int] | None = None
    count = min(len(data) // ProcessorRegister.SIZE, _RECORD_LIMIT)
    view = memoryview(data)[: count * ProcessorRegister.SIZE]
    for kind, number, other, crashing in _RECORD.iter_unpack(view):
        if kind == _CPUID:
            leaves += 1
            if number in _LEAVES_READ:
                cpuid[number] = _LEAF.unpack(crashing)
        elif kind == _MSR and number == _MICROCODE:
            revisions = int.from_bytes(other[:8], "little"), int.from_bytes(crashing[:8], "little")
    vendor = _vendor(cpuid.get(0), _EBX, _EDX, _ECX)
    other_revision, revision = (_revision(value, vendor) for value in revisions or (0, 0))
    return known(
        vendor=vendor,
        **_signature(cpuid.get(1)),
        name=_brand(cpuid),
        apic_id=_apic_id(cpuid),
        hypervisor=_hypervisor(cpuid),
        microcode=revision,
        other_microcode=None if other_revision == revision else other_revision,
        features=[name for name, bit in FEATURES.items() if _has(cpuid, *bit)],
        leaves=leaves,
    )


_LEAF = struct.Struct("<4I")
_BRAND_LEAVES = (0x80000002, 0x80000003, 0x80000004)
_HYPERVISOR_VENDOR = 0x40000000
_LEAVES_READ = frozenset(
    {0x0, 0x1, 0xB, _HYPERVISOR_VENDOR, *_BRAND_LEAVES, *(leaf for leaf, _, _ in FEATURES.values())}
)
_RECORD = ProcessorRegister.unpacker("kind", "number", "other_processor", "crashing_processor")


def _vendor(leaf: _Leaf | None, *registers: int) -> str | None:
    return text8(b"".join(leaf[r].to_bytes(4, "little") for r in registers)) or None if leaf else None


def _signature(leaf: _Leaf | None) -> JsonObject:
    """Family, model and stepping as Windows prints them: with the extended parts."""
    if leaf is None:
        return {}
    eax = leaf[_EAX]
    family, model = eax >> 8 & 0xF, eax >> 4 & 0xF
    if family in (6, 15):
        model |= (eax >> 16 & 0xF) << 4
    if family == 15:
        family += eax >> 20 & 0xFF
    return {"family": family, "model": model, "stepping": eax & 0xF}


def _brand(cpuid: dict[int, _Leaf]) -> str | None:
    return text8(b"".join(_LEAF.pack(*cpuid.get(number, _NO_LEAF)) for number in _BRAND_LEAVES)) or None


def _apic_id(cpuid: dict[int, _Leaf]) -> int | None:
    """The x2APIC id of leaf 0xB, which all its subleaves give; else the 8-bit initial APIC id."""
    extended = cpuid.get(0xB, _NO_LEAF)[_EDX]
    return extended or (cpuid[1][_EBX] >> 24 if 1 in cpuid else None)


def _hypervisor(cpuid: dict[int, _Leaf]) -> JsonObject | None:
    """Whether Windows ran above a hypervisor: its own (VBS, Hyper-V) or a virtual machine's."""
    if 1 not in cpuid:
        return None
    vendor = _vendor(cpuid.get(_HYPERVISOR_VENDOR), _EBX, _ECX, _EDX)
    return known(present=_has(cpuid, 0x1, _ECX, 31), vendor=vendor)


def _has(cpuid: dict[int, _Leaf], leaf: int, register: int, bit: int) -> bool:
    return bool(cpuid.get(leaf, _NO_LEAF)[register] >> bit & 1)


def _revision(msr: int, vendor: str | None) -> str | None:
    """Microcode revision: Intel keeps it in the upper half of the register, others in the lower."""
    revision = msr >> 32 if vendor == "GenuineIntel" else msr & 0xFFFFFFFF
    return f"{revision:#x}" if revision else None
