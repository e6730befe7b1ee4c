"""Scrubbing of secondary data: blobs whose layout is known are taken apart and built anew; all others are dropped."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import and_
from types import MappingProxyType

from smalldump.decode.cpu_registry import registry_values
from smalldump.decode.cpuid import ProcessorRegister
from smalldump.decode.requests import triage_requests
from smalldump.errors import Truncated
from smalldump.layout.requests import TRIAGEDUMP_DATA, request_record
from smalldump.model import Blob
from smalldump.writer.scrub.classes import Permitted, Tally, Withheld, weight
from smalldump.writer.scrub.smbios import rebuilt_smbios
from smalldump.writer.scrub.structures import VENDORS
from smalldump.writer.scrub.values import Landmarks

__all__ = ["REBUILT", "scrub_blobs"]

_CPU_REGISTRY = "6c7ac389-4313-47dc-9f34-a8800a0fb56c"
_SMBIOS = "bc5c008f-1e3a-44d7-988d-86f6884c6758"
_CPUID = "d03dc06f-d88e-44c5-ba2a-fae035172d19"

REBUILT: Mapping[str, Permitted] = MappingProxyType(
    {
        _CPU_REGISTRY: Permitted.PROCESSOR,
        _CPUID: Permitted.PROCESSOR,
        _SMBIOS: Permitted.MACHINE,
        TRIAGEDUMP_DATA: Permitted.REQUESTS,
    }
)
"""The blobs that are rebuilt, by tag, and the class of what stays of them."""

_REG_SZ, _REG_BINARY, _REG_DWORD, _REG_QWORD = 1, 3, 4, 11
_TEXT_VALUES = {
    "Identifier": re.compile(
        r"[A-Za-z0-9]{2,16} Family [0-9]{1,4} Model +[0-9A-F]{1,4} (Stepping|Revision) +[0-9A-F]{1,4}"
    ),
    "ProcessorNameString": re.compile(r"[ -~]{1,64}"),
    "VendorIdentifier": re.compile(r"[A-Za-z][A-Za-z. ]{1,31}"),
}
_NUMBER_VALUES = {"~MHz": 4, "MSR8B": 8, "FeatureSet": 4, "Update Status": 4, "Update Revision": 8}

_PLAIN_LEAVES = {
    0x1: (0xF000C000, 0, 0, 0),
    0xB: (0xFFFFFFE0, 0xFFFF0000, 0xFFFF0000, 0),
    0x80000001: (0xF000C000, 0, 0, 0),
    0x80000007: (0, 0xFFFF0000, 0, 0xFFFF0000),
}
"""Leaves that stay, and the bits of EAX, EBX, ECX and EDX that are zero in each: text has some of them.

Source: Intel's SDM, volume 2A, CPUID; AMD's manual, volume 3, appendix E.
"""
_BRAND_LEAVES = (0x80000002, 0x80000003, 0x80000004)
_HYPERVISOR_LEAF, _MICROCODE = 0x40000000, 0x8B
_HYPERVISORS = frozenset(
    {b"Microsoft Hv", b"VMwareVMware", b"KVMKVMKVM\0\0\0", b"XenVMMXenVMM", b"VBoxVBoxVBox", b"TCGTCGTCGTCG"}
)
_LARGEST_REQUEST = 1 << 28  # bytes; small dumps have no room for more
_COMPONENT = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


def scrub_blobs(blobs: Iterable[Blob], landmarks: Landmarks, tally: Tally) -> tuple[Blob, ...]:
    """The blobs that stay, in their order; what is left of each is built from values of a known form."""
    kept = []
    for blob in blobs:
        kind = REBUILT.get(blob.guid)
        data = b""
        if kind is not None and tally.permits(kind):
            data = _rebuild(blob, landmarks)
            tally.keep(kind, data)
        tally.remove(Withheld.BLOBS, blob.data, weight(data))
        if data:
            kept.append(Blob(blob.guid, memoryview(data), 0))
    return tuple(kept)


def _rebuild(blob: Blob, landmarks: Landmarks) -> bytes:
    data = bytes(blob.data)
    try:
        if blob.guid == TRIAGEDUMP_DATA:
            return b"".join(_requests(data, landmarks))
        return _REBUILDERS[blob.guid](data)
    except Truncated:
        return b""


def _cpu_registry(data: bytes) -> bytes:
    return b"".join(_registry_records(data))


def _registry_records(data: bytes) -> Iterator[bytes]:
    for entry in registry_values(data):
        if entry.type == _REG_SZ and entry.name in _TEXT_VALUES and isinstance(entry.value, str):
            if _TEXT_VALUES[entry.name].fullmatch(entry.value):
                yield _registry_record(entry.name, entry.type, (entry.value + "\0").encode("utf-16-le"))
        elif entry.type in (_REG_BINARY, _REG_DWORD, _REG_QWORD) and _number_fits(entry.name, entry.data):
            yield _registry_record(entry.name, entry.type, entry.data)


def _number_fits(name: str, data: bytes) -> bool:
    return len(data) == _NUMBER_VALUES.get(name) and _is_revision(data)


def _is_revision(data: bytes) -> bool:
    # Of microcode: 32 bits, in either half of eight bytes; text fills both.
    return not (any(data[:4]) and any(data[4:]))


def _registry_record(name: str, kind: int, data: bytes) -> bytes:
    raw = (name + "\0").encode("utf-16-le")
    return struct.pack("<I", len(raw)) + raw + struct.pack("<II", kind, len(data)) + data


def _cpuid(data: bytes) -> bytes:
    size = ProcessorRegister.SIZE
    records = (data[at : at + size] for at in range(0, len(data) // size * size, size))
    return b"".join(record for record in records if _processor_register_fits(ProcessorRegister(record)))


def _processor_register_fits(register: ProcessorRegister) -> bool:
    # Leaf 3 is the processor's serial number; others that say nothing to smalldump stay out too.
    both = (register.other_processor, register.crashing_processor)
    if register.kind == 1:
        return register.number == _MICROCODE and all(_is_revision(half[:8]) and not any(half[8:]) for half in both)
    if register.kind:
        return False
    if register.number == 0:
        return all((half[4:8] + half[12:16] + half[8:12]).decode("latin-1") in VENDORS for half in both)
    if register.number == _HYPERVISOR_LEAF:
        return all(half[4:] in _HYPERVISORS for half in both)
    if register.number in _BRAND_LEAVES:
        return all(re.fullmatch(rb"[ -~\0]{16}", half) for half in both)
    return all(_leaf_fits(half, _PLAIN_LEAVES.get(register.number)) for half in both)


def _leaf_fits(half: bytes, reserved: tuple[int, int, int, int] | None) -> bool:
    return reserved is not None and not any(map(and_, struct.unpack("<4I", half), reserved))


def _requests(data: bytes, landmarks: Landmarks) -> Iterator[bytes]:
    for request in triage_requests(data):
        if _COMPONENT.fullmatch(request.component):
            ranges = (each for each in request.ranges if landmarks.kernel(each[0]) and each[1] <= _LARGEST_REQUEST)
            yield request_record(request.component, ranges)


_REBUILDERS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {_CPU_REGISTRY: _cpu_registry, _SMBIOS: rebuilt_smbios, _CPUID: _cpuid}
)
