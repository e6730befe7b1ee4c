"""Dumps full of secrets: a marker in every place that a small dump has for bytes of a machine.

The marker is eight bytes long, so that it fills a word; no part of it of six bytes may survive scrubbing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import cache

from smalldump.layout.blobs import KNOWN_BLOBS
from tests.synth import Blob, Block, Driver, Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump
from tests.synth.blobs import UNKNOWN_TAG, cpuid, registry_values, smbios, smbios_structure, triage_requests

__all__ = ["MACHINES", "MARKER", "SECRET", "holds_secret", "planted", "secret_forms"]

MARKER = b"SECRET%\x27"
SECRET = "SECRET"
PERSON = "SECRETPERSON"
_WORD = int.from_bytes(MARKER, "little")
_TEXT = MARKER * 8

MACHINES = {
    "x64": x64_dump,
    "x64 kernel-written": kernel_written_dump,
    "x86": x86_dump,
    "ARM64": arm64_dump,
    "Windows 2000": win2000_dump,
}
_VECTORS = {"x64": (0x1A0, 0x100), "x86": (0x16C, 0x80), "ARM64": (0x110, 0x200)}  # in the CONTEXT
_DEBUG_REGISTERS = {"x64": (0x48, 0x20), "x86": (0x04, 0x10), "ARM64": (0x338, 0x40)}


def secret_forms() -> list[bytes]:
    """The ways in which the marker could show up in a file."""
    return [SECRET.encode(), SECRET.encode("utf-16-le"), SECRET.encode()[::-1], SECRET.encode("utf-16-be")]


def holds_secret(data: bytes) -> bool:
    """Whether the marker is anywhere in `data`, in whatever form."""
    return any(form in data for form in secret_forms())


@cache
def planted(name: str) -> Dump:
    """The dump of a machine in `MACHINES`, with secrets wherever there is room for them."""
    plain = MACHINES[name]()
    facts = plain.facts
    kernel, user = facts.kernel, 0x7FF6_1234_0000 if facts.bits == 64 else 0x0042_0000
    changed: dict[str, object] = {"blocks": [*facts.blocks, *_secret_blocks(plain, kernel, user)]}
    if facts.unloaded is not None:
        changed |= {"blobs": [*facts.blobs, *_secret_blobs()], "stale": bytes(0x40) + _TEXT, "slack": 0x100}
    else:
        changed["blocks"] = facts.blocks
    changed |= {"drivers": [*facts.drivers, *_secret_drivers(facts.drivers[-1])], "size": 0}
    changed |= {"comment": SECRET + " comment", "registers": {**facts.registers, **_secret_registers(plain)}}
    return _with_filled_sections(facts.with_(**changed).build())


def _secret_registers(dump: Dump) -> dict[str, int]:
    word = _WORD & (1 << dump.facts.bits) - 1
    names = {32: ("eax", "edx"), 64: ("rax", "rdx", "r12")}[dump.facts.bits]
    return dict.fromkeys(("x3", "x19") if dump.facts.windows.machine == 0xAA64 else names, word)


def _secret_drivers(last: Driver) -> list[Driver]:
    """Drivers in folders that name somebody, or that are nobody's business."""
    places = (
        rf"\??\C:\Users\{PERSON}\Desktop\tool.sys",
        rf"\??\D:\{PERSON}\probe.sys",
        rf"\SystemRoot\Temp\{PERSON}\temporary.sys",
        rf"C:/Users/{PERSON}/slashes.sys",
        rf"\SystemRoot\System32\drivers\..\{PERSON}\dots.sys",
    )
    return [Driver.invented(path, last.end + 0x10000 * (i + 1), 0x8000) for i, path in enumerate(places)]


def _secret_blocks(dump: Dump, kernel: Driver, user: int) -> list[Block]:
    """User-mode memory, pool, a page of a register, data of an image, a page beside the stack."""
    pool = dump.facts.thread.address + 0x4000 & -0x1000
    data = kernel.base + kernel.size // 2 & -0x1000
    places = (user, pool, data, dump.facts.stack.low + 0x40000 & -0x1000)
    return [Block(address, MARKER * 0x200, "secret") for address in places]


def _secret_blobs() -> Iterable[Blob]:
    for tag in (*KNOWN_BLOBS, UNKNOWN_TAG):
        yield Blob(tag.replace("?", "7"), _TEXT + _TEXT.decode("latin-1").encode("utf-16-le"))
    yield _secret_smbios()
    yield registry_values(
        {
            "~MHz": 3192,
            "Identifier": SECRET,
            "Configuration Data": _TEXT,
            SECRET: "value",
            "VendorIdentifier": "x" * 40 + SECRET,
            "Update Revision": _TEXT,
        }
    )
    yield cpuid({0x1: (0x906EA, 0, 0, 0), 0x3: struct.unpack("<4I", _TEXT[:16])}, {0x8B: 0xF4 << 32, 0x4F: _WORD})
    yield triage_requests({f"{SECRET} driver": [], "Component": [Block(_WORD & 0xFFFFFFFFFFFF, b"x")]})


def _secret_smbios() -> Blob:
    system = struct.pack("<BBBB16sBBB", 1, 2, 3, 4, _TEXT[:16], 6, 5, 6)
    board = struct.pack("<BBBBBBBHBB", 1, 2, 3, 4, 5, 9, 0, 3, 10, 0)
    memory = struct.pack("<HHHHHBBBBBHHBBBB", 0x20, 0xFFFE, 64, 64, 0x2000, 9, 0, 1, 2, 0x1A, 0x80, 2666, 3, 4, 5, 6)
    return smbios(
        [
            smbios_structure(1, 1, system, "Maker", "Model", "1.0", f"{SECRET}-1", f"{SECRET}-SKU", "Family"),
            # The product's name is the serial number: makers have done that.
            smbios_structure(2, 2, board, "Maker", f"{SECRET}-2", "A2", f"{SECRET}-2", f"{SECRET}-3"),
            smbios_structure(11, 3, b"\x01", f"{SECRET} OEM string"),
            smbios_structure(17, 4, memory, "DIMM A1", "BANK 0", "Maker", f"{SECRET}-4", f"{SECRET}-5", "PART-1"),
        ]
    )


def _with_filled_sections(dump: Dump) -> Dump:
    """Markers in all that is zero or fill: stack, structures, debugger data, counters, header, slots, padding."""
    out = bytearray(dump.bytes)
    for name in ("stack", "PRCB", "EPROCESS", "ETHREAD", "KDBG", "MM", "padding"):
        if name in dump.offsets:
            span = dump.offsets[name]
            _fill(out, span.offset, span.offset + span.size, dump.facts.windows.word)
    start = dump.offset("DUMP_HEADER.ContextRecord")
    machine = {0x8664: "x64", 0x14C: "x86", 0xAA64: "ARM64"}[dump.facts.windows.machine]
    for offset, size in (_VECTORS[machine], _DEBUG_REGISTERS[machine]):
        out[start + offset : start + offset + size] = MARKER * (size // 8)
    reserved = 0x1058 if dump.facts.bits == 64 else 0x8A8
    out[reserved : reserved + 0x40] = _TEXT
    return type(dump)(bytes(out), dump.offsets, dump.facts)


def _fill(out: bytearray, start: int, end: int, word: int) -> None:
    # Two zero words side by side; a lone one may be a field that a structure is known by.
    at = (start + 7) & -8
    while at + 2 * word <= end:
        if not any(out[at : at + 2 * word]):
            out[at : at + 2 * word] = (MARKER * 2)[: 2 * word]
            at += word
        at += word
