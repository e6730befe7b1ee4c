"""Machines that `SnapshotBuilder` makes up: Microsoft's engine opens their dumps, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from smalldump.compose import compose
from smalldump.model import BugCheck, Snapshot, UnloadedModule
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.sources.builder import SnapshotBuilder, driver
from smalldump.sources.small import SmallDump
from smalldump.writer import CLASSIC, MODERN
from smalldump.writer.scrub import ScrubLevel
from tests.oracle.fixture import Oracle

SEGMENTS = {X64: {"cs": 0x10, "ss": 0x18, "efl": 0x246}, X86: {"cs": 8, "ss": 0x10, "fs": 0x30, "efl": 0x246}}
BUILDS = {X64: (3790, 7601, 9600, 19041, 26100), X86: (2195, 2600, 3790, 7601, 19041), ARM64: (22000, 26100)}


def built(machine: Machine, build: int) -> Snapshot:
    """A machine that says little about itself, stopped in a driver."""
    room = 0xFFFFF80000000000 if machine.bits == 64 else 0x80000000
    wobble = room + 0x8000000
    return SnapshotBuilder(
        machine=machine,
        build_number=build,
        build_lab=f"{build}.wobble",
        processors=2,
        bug_check=BugCheck(0xD1, (0x28, 2, 0, wobble + 0x1234)),
        registers=SEGMENTS.get(machine, {}) | {machine.pc: wobble + 0x1234},
        memory={wobble + 0x1230: bytes([0x90]) * 64},
        modules=[
            driver(r"\SystemRoot\system32\ntoskrnl.exe", room + 0x400000, 0x800000, 1, 2),
            driver(r"\SystemRoot\System32\drivers\wobble.sys", wobble, 0x10000, 3, 4),
        ],
        unloaded_modules=[UnloadedModule("gone.sys", wobble + 0x100000, wobble + 0x108000, False)],
    ).build()


@pytest.mark.parametrize(
    ("machine", "build"),
    [(machine, build) for machine, builds in BUILDS.items() for build in builds],
    ids=lambda value: value.name if isinstance(value, Machine) else str(value),
)
def test_the_engine_opens_made_up_machines(machine: Machine, build: int, oracle: Oracle, tmp_path: Path) -> None:
    source, path = built(machine, build), tmp_path / "built.dmp"
    for profile in (MODERN, CLASSIC):
        for level in (None, *ScrubLevel):
            path.write_bytes(compose(source, profile=profile, scrub_level=level).data())
            assert oracle.differences(path, SmallDump(memoryview(path.read_bytes()))) == [], (profile.name, level)
