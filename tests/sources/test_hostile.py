"""Hostile files: whatever the numbers say, every fact can be asked for, and soon."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from smalldump.errors import SmallDumpError
from smalldump.sources.small import SmallDump
from tests.sources.reading import every_fact
from tests.synth import arm64_dump, win2000_dump, x64_dump, x86_dump

_SEEDS = [dump.bytes for dump in (x64_dump(), x86_dump(), arm64_dump(), win2000_dump())]
_EXTREMES = st.sampled_from([0, 1, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0, 0x2000, 0x45474150])
_WORDS = st.one_of(_EXTREMES, st.integers(0, 0xFFFFFFFF))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A dump with some words replaced, most of them where counts, offsets and sizes are."""
    data = bytearray(draw(st.sampled_from(_SEEDS)))
    triage = 0x2000 if data[4:8] == b"DU64" else 0x1000
    places = st.one_of(
        st.integers(0, 0x1F).map(lambda index: triage + 4 * index),
        st.integers(8, 0x40).map(lambda index: 4 * index),
        st.integers(triage // 4, len(data) // 4 - 1).map(lambda index: 4 * index),
    )
    for place, word in draw(st.lists(st.tuples(places, _WORDS), min_size=1, max_size=8)):
        data[place : place + 4] = word.to_bytes(4, "little")
    return bytes(data[: draw(st.integers(0x60, len(data)))]) if draw(st.booleans()) else bytes(data)


def asked(data: bytes) -> None:
    try:
        machine = SmallDump(memoryview(data), "hostile.dmp")
    except SmallDumpError:
        return
    every_fact(machine)
    for module in machine.modules:
        assert machine.modules.at(module.base) is not None or not module.size
    assert len(machine.memory.read_some(machine.file.header.bug_check_parameter1, 1 << 40)) <= len(data)


@settings(max_examples=150)
@given(damaged())
def test_damaged_numbers(data: bytes) -> None:
    asked(data)


@given(st.binary(max_size=0x300), st.sampled_from([b"PAGEDU64", b"PAGEDUMP"]))
def test_any_bytes_behind_a_signature(data: bytes, signature: bytes) -> None:
    asked(signature + data)
    asked((signature + data).ljust(0x4000, b"\0"))
    asked((signature + data).ljust(0x4000, b"\xff"))
