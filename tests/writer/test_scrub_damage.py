"""Damaged dumps whose lists and blocks are read where others lie: what is found there is judged by its form alone."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smalldump.compose import compose
from smalldump.model import Blob, Module, UnloadedModule
from smalldump.model.machine import X64, X86
from smalldump.sources.small import SmallDump
from smalldump.writer.scrub import ScrubLevel
from smalldump.writer.scrub.blobs import REBUILT, scrub_blobs
from smalldump.writer.scrub.classes import Tally
from smalldump.writer.scrub.images import placed_drivers, placed_unloaded
from smalldump.writer.scrub.names import file_name, scrub_unloaded
from smalldump.writer.scrub.stack import Rules, StackEvidence, scrub_stack
from smalldump.writer.scrub.structures import scrub_debugger_data
from smalldump.writer.scrub.values import Landmarks
from tests.synth import x64_dump
from tests.synth.blobs import cpuid, registry_values
from tests.writer.scrub_planting import MACHINES, MARKER, holds_secret, planted

BASE = 0xFFFFF80412340000
WORD = int.from_bytes(MARKER, "little")
POINTERS = ("unloaded drivers", "driver list", "MM block", "call stack", "debugger data block", "data block table")
FIELDS = {  # in the TRIAGE_DUMP: of 64-bit dumps, of 32-bit dumps
    "unloaded drivers": (0x18, 0x18),
    "driver list": (0x30, 0x30),
    "MM block": (0x14, 0x14),
    "call stack": (0x28, 0x28),
    "debugger data block": (0x70, 0x58),
    "data block table": (0x78, 0x60),
}


def driver(base: int, size: int) -> Module:
    return Module("x", "x.sys", "x.sys", base, size, 1, 1)


@pytest.mark.parametrize(
    ("base", "size", "kept"),
    [
        (BASE, 0x8000, 0x8000),
        (BASE, 0x10000000, 0x10000000),
        (BASE, 0x10000001, 0),
        (0xFFFFFFFFFFFFF000, 0x1000, 0x1000),
        (0xFFFFFFFFFFFFF000, 0x1001, 0),
        (BASE + 1, 0x8000, None),
        (0, 0x8000, None),
        (WORD, 0x8000, None),
    ],
)
def test_a_driver_starts_at_a_page_of_the_kernel_and_has_the_size_of_one(
    base: int, size: int, kept: int | None
) -> None:
    assert [each.size for each in placed_drivers([driver(base, size)], X64)] == ([] if kept is None else [kept])
    unloaded = UnloadedModule("x.sys", base, base + size, False)
    ends = [each.end - each.base for each in placed_unloaded([unloaded], X64)]
    assert ends == ([] if kept is None else [kept])


def test_addresses_of_narrow_machines_have_32_bits() -> None:
    places = (0xF7A90000, 0x7FFFF000, 0x1F7A90000)
    assert [each.base for each in placed_drivers([driver(base, 1) for base in places], X86)] == [0xF7A90000]


@pytest.mark.parametrize("name", [MARKER.decode("utf-16-le"), "\ufffd", "wobblé.sys", "wobble\0.sys", "x" * 256])
def test_names_that_bytes_of_any_kind_can_be_read_as_are_none(name: str) -> None:
    assert file_name(name) == ""
    kept = scrub_unloaded([UnloadedModule(name, BASE, BASE + 0x1000, False)], X64, Tally(ScrubLevel.STACK))
    assert kept == (UnloadedModule("", BASE, BASE + 0x1000, False),)


@given(st.binary(min_size=24, max_size=24))
def test_bytes_that_are_no_text_of_ascii_are_no_name(data: bytes) -> None:
    name = file_name(data.decode("utf-16-le", "replace"))
    assert name.isascii()
    assert name == "" or name.isprintable()


def test_words_lie_in_no_image_that_cannot_be_one() -> None:
    """An unloaded driver from address 0 to the end of another, as the failing example had it."""
    plain = x64_dump()
    data, pointer = bytearray(plain.bytes), plain.offset("TRIAGE_DUMP") + FIELDS["unloaded drivers"][0]
    at = int.from_bytes(data[pointer : pointer + 4], "little") + 8 + 0x28  # StartAddress of the first
    data[at : at + 8] = bytes(8)
    dump = SmallDump(memoryview(bytes(data)))
    assert min(each.base for each in dump.unloaded_modules) == 0  # type: ignore[union-attr]
    landmarks = Landmarks(dump, ScrubLevel.STACK)
    assert not landmarks.named(WORD)
    assert landmarks.register(WORD) == 0
    evidence = StackEvidence({0xFFFFA08F2B1C6000: WORD}, lambda address: None)
    for level in ScrubLevel:
        rules = Rules(Landmarks(dump, level), evidence, Tally(level))
        assert not any(scrub_stack(0xFFFFA08F2B1C6000, MARKER * 2, (), rules).data)


def test_a_stack_lies_in_the_kernel() -> None:
    plain = x64_dump()
    data = bytearray(plain.bytes)
    at = plain.offset("TRIAGE_DUMP") + 0x48  # TopOfStack
    data[at : at + 8] = MARKER
    source = SmallDump(memoryview(bytes(data)))
    for level in ScrubLevel:
        assert not Landmarks(source, level).stack(WORD)
        assert not holds_secret(compose(source, scrub_level=level).data())


def test_the_debugger_data_block_is_one_that_says_so() -> None:
    tally = Tally(ScrubLevel.STACK)
    block = bytearray(MARKER * 0x80)
    assert not any(scrub_debugger_data(bytes(block), X64, tally))
    block[0x10:0x14] = b"KDBG"
    assert scrub_debugger_data(bytes(block), X64, tally)[0x10:0x14] == b"KDBG"


def blob(tag: str, data: bytes) -> bytes:
    landmarks = Landmarks(SmallDump(memoryview(x64_dump().bytes)), ScrubLevel.STACK)
    kept = scrub_blobs([Blob(tag, memoryview(data), 0)], landmarks, Tally(ScrubLevel.STACK))
    return bytes(kept[0].data) if kept else b""


def test_values_of_blobs_have_the_form_of_what_they_are_called() -> None:
    registry, processor, _, requests = REBUILT
    source = registry_values({"Update Revision": MARKER, "MSR8B": MARKER}).data
    assert blob(registry, source) == b""
    words = struct.unpack("<4I", MARKER * 2)
    for leaf in (0x1, 0xB, 0x80000001, 0x80000007):
        assert blob(processor, cpuid({leaf: words}, {}).data) == b""
    assert blob(processor, cpuid({}, {0x8B: WORD}).data) == b""
    asked = b"WobbleFs\0"
    asked = struct.pack("<II4Q", 2, len(asked), BASE, 0x1000, BASE, WORD) + asked
    assert blob(requests, asked)
    assert not holds_secret(blob(requests, asked))


@pytest.mark.parametrize("name", MACHINES)
@settings(max_examples=10)
@given(what=st.sampled_from(POINTERS), shift=st.integers(-0x4000, 0x4000), size=st.none() | st.integers(0, 2**16))
def test_what_is_read_elsewhere_holds_no_secret(name: str, what: str, shift: int, size: int | None) -> None:
    dump = planted(name)
    data, at = bytearray(dump.bytes), dump.offset("TRIAGE_DUMP") + FIELDS[what][dump.facts.bits == 32]
    offset = int.from_bytes(data[at : at + 4], "little")
    data[at : at + 4] = max(offset + shift, 0).to_bytes(4, "little")
    if size is not None and what not in {"unloaded drivers", "MM block"}:
        data[at + 4 : at + 8] = size.to_bytes(4, "little")
    source = SmallDump(memoryview(bytes(data)))
    for level in ScrubLevel:
        assert not holds_secret(compose(source, scrub_level=level, size=0x40000).data())
