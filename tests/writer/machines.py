"""Machines made up by hypothesis: of every architecture, old and new, with much or little in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from smalldump.model import Absent, Blob, BugCheck, Module, PhysicalMemory, UnloadedModule
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.sources.builder import ProcessFacts, ProcessorFacts, SnapshotBuilder, ThreadFacts, driver

__all__ = ["builders"]

_BUILDS = {
    X86: (2195, 2600, 3790, 6000, 6002, 7601, 9200, 10240, 17763, 19041),
    X64: (3790, 6002, 7600, 9600, 10586, 15063, 18362, 19041, 22631, 26100),
    ARM64: (22000, 26100),
}
_ROOM = {32: 0x80000000, 64: 0xFFFFF80000000000}
_TEXT = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=8)
_MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
_WORDS32 = st.integers(1, 0x7FFFFFFF)
_IDENTIFIERS = st.integers(0, 0xFFFF).map(lambda number: 4 * number)


@st.composite
def builders(draw: st.DrawFn) -> SnapshotBuilder:
    """A builder; each part of the machine may be missing or unusual."""
    machine = draw(st.sampled_from([X64, X86, ARM64]))
    room = _ROOM[machine.bits]
    modules = draw(_modules(room))
    stack = room + 0x4000000 + 8 * draw(st.integers(0, 0x100))
    words = draw(st.lists(st.one_of(st.just(0), st.integers(0, machine.mask)), min_size=1, max_size=40))
    window = b"".join(word.to_bytes(machine.pointer, "little") for word in words) * draw(st.integers(1, 150))
    facts: dict[str, Any] = {
        "machine": machine,
        "build_number": draw(st.sampled_from(_BUILDS[machine])),
        "build_lab": draw(st.sampled_from(["", "19041.1.amd64fre.vb_release.191206-1406"])),
        "service_pack": draw(st.integers(0, 6)),
        "checked": draw(st.booleans()),
        "pae": draw(st.booleans()),
        "processors": draw(st.integers(1, 64)),
        "product_type": draw(st.one_of(st.none(), st.integers(1, 3))),
        "bug_check": draw(_bug_checks(machine)),
        "time": draw(st.one_of(st.none(), _MOMENTS)),
        "uptime": draw(st.one_of(st.none(), st.integers(0, 10**15).map(lambda n: timedelta(microseconds=n)))),
        "comment": draw(st.text(" abcXYZ;", max_size=127).map(str.strip)),
        "boot_id": draw(st.one_of(st.none(), _WORDS32)),
        "physical_memory": draw(st.one_of(st.none(), _physical_memory())),
        "registers": {machine.fp: draw(st.integers(0, machine.mask))},
        "prcb_registers": draw(st.sampled_from([None, Absent.NOT_CAPTURED])),
        "modules": modules,
        "unloaded_modules": draw(st.one_of(st.none(), st.lists(_unloaded(room), max_size=50))),
        "broken_driver": draw(st.one_of(st.just(""), _TEXT)),
        "stack": (stack, window),
        "memory": draw(_memory(room)),
        "memory_manager": draw(st.dictionaries(st.sampled_from(["committed_pages", "kernel_verifier"]), _WORDS32)),
        "blobs": draw(st.lists(_blobs(), max_size=4)),
        "process": draw(_processes()),
        "thread": draw(_threads()),
        "processor": draw(_processors(machine)),
    }
    return SnapshotBuilder(**facts)


def _bug_checks(machine: Machine) -> st.SearchStrategy[BugCheck]:
    parameters = st.integers(0, machine.mask)
    codes = st.sampled_from([0xE2, 0xD1, 0x0A, 0x50, 0x124, 0x1000007E, 0x3B, 0x139])
    return st.builds(BugCheck, codes, st.tuples(parameters, parameters, parameters, parameters))


@st.composite
def _modules(draw: st.DrawFn, room: int) -> list[Module]:
    names = draw(st.lists(_TEXT, unique=True, max_size=20))
    folder = draw(st.sampled_from(["", "\\SystemRoot\\System32\\drivers\\"]))
    stamps = st.one_of(st.just(Absent.PAGED_OUT), _WORDS32)
    modules = [driver(r"\SystemRoot\system32\ntoskrnl.exe", room + 0x400000, 0x800000, 0x5F000000, 0x900000)]
    for number, name in enumerate(names):
        stamp = draw(stamps)
        base = room + 0x8000000 + 0x100000 * number
        modules.append(driver(f"{folder}{name}_{number}.sys", base, draw(st.integers(0x1000, 0x100000)), stamp, stamp))
    return modules


@st.composite
def _unloaded(draw: st.DrawFn, room: int) -> UnloadedModule:
    name = draw(_TEXT) + ".sys"
    base = room + 0x1000 * draw(st.integers(0, 0x7000))
    return UnloadedModule(name, base, base + draw(st.integers(0, 0x100000)), len(name) == 12)


@st.composite
def _memory(draw: st.DrawFn, room: int) -> dict[int, bytes]:
    places = st.one_of(st.integers(1, 0x7FFF0000), st.integers(room + 0x6000000, room + 0x6100000))
    return draw(st.dictionaries(places, st.binary(min_size=1, max_size=0x300), max_size=12))


def _blobs() -> st.SearchStrategy[Blob]:
    tags = st.uuids().map(str)
    return st.builds(Blob, tags, st.binary(max_size=2000).map(memoryview), st.just(0))


@st.composite
def _physical_memory(draw: st.DrawFn) -> PhysicalMemory:
    runs = draw(st.lists(st.tuples(_WORDS32, _WORDS32), min_size=1, max_size=43))
    return PhysicalMemory(draw(_WORDS32), tuple(runs))


def _processes() -> st.SearchStrategy[ProcessFacts]:
    facts = {
        "name": st.text("abcdefgh.", max_size=15),
        "pid": _IDENTIFIERS,
        "parent_pid": _IDENTIFIERS,
        "create_time": _MOMENTS,
        "directory_table_base": _WORDS32,
    }
    return st.fixed_dictionaries({}, optional=facts).map(lambda found: ProcessFacts(**found))  # type: ignore[typeddict-item]


def _threads() -> st.SearchStrategy[ThreadFacts]:
    names = "start_address win32_start_address initial_stack kernel_stack teb trap_frame"
    small = {"state": st.integers(0, 9), "wait_reason": st.integers(0, 40), "priority": st.integers(0, 31)}
    facts: dict[str, Any] = dict.fromkeys(names.split(), _WORDS32) | small | {"tid": _IDENTIFIERS, "pid": _IDENTIFIERS}
    facts |= {"create_time": _MOMENTS}
    return st.fixed_dictionaries({}, optional=facts).map(lambda found: ThreadFacts(**found))  # type: ignore[typeddict-item]


@st.composite
def _processors(draw: st.DrawFn, machine: Machine) -> ProcessorFacts:
    facts = ProcessorFacts(
        number=0,
        family=draw(st.integers(0, 0xFF)),
        model=draw(st.integers(0, 0xFF)),
        stepping=draw(st.integers(0, 0xF)),
        mhz=draw(st.integers(0, 6000)),
        vendor=draw(st.sampled_from(["", "GenuineIntel", "AuthenticAMD"])),
        implementer=draw(st.sampled_from([0, 0x41, 0x51])),
        dpc_active=draw(st.booleans()),
        control={"cr2": draw(_WORDS32), "cr3": draw(_WORDS32), "idtr": draw(_WORDS32)},
    )
    if draw(st.booleans()):
        facts["address"] = _ROOM[machine.bits] + 0x2000000 + 0x1000 * draw(st.integers(0, 9))
    return facts
