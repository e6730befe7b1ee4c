"""Machines that Microsoft's engine converted, too: what it puts into its small dump is in ours, block by block.

What the engine takes and we do not: zeros for memory that cannot be read (its stack blocks have a fixed size), and code
where the first word of a stack leads, be it a return address or not.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from smalldump.api import lookup_for, open_dump
from smalldump.compose import compose
from smalldump.model import Absent, Snapshot, StackWindow
from smalldump.sources.small import SmallDump
from smalldump.unwind import Frame, FrameTrust, walk, walk_from
from smalldump.writer import MODERN

PAIRS = (
    *("srv03_sp2_3790", "win10_10240", "win10_19041", "win10_19041_live", "win7_sp1_7601", "win7_sp1_7601_badlist"),
    *("win7_sp1_7601_dpc", "win7_sp1_7601_nopae", "win81_9600", "xp_sp3_2600_fromsummary", "xp_sp3_2600_nopae"),
    *("xp_sp3_2600_pae", "xp_sp3_2600_pae_50unl", "win7_x64_7601", "win8_x64_9200", "win10_x64_10240"),
    *("win10_x64_19041_cut", "win10_x64_19041_loop", "win10_x64_19041_nocontext", "win11_x64_22621_7e"),
)
DESCRIBED = tuple(name for name in PAIRS if "_x64_" in name and "nocontext" not in name)


@dataclass(frozen=True)
class Pair:
    """A machine, the engine's small dump of it, and ours."""

    folder: Path
    name: str
    machine: Snapshot
    engine: Snapshot

    @cached_property
    def ours(self) -> SmallDump:
        return SmallDump(memoryview(compose(self.machine, profile=MODERN).data()))

    @cached_property
    def truth(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"{self.name}.truth.json").read_text("utf-8"))
        return found


@pytest.fixture
def pair(samples: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    folder, name = samples / "engine-written", request.param
    path = tmp_path / f"{name}.full.dmp"
    path.write_bytes(lzma.decompress((folder / f"{name}.full.dmp.xz").read_bytes()))
    with open_dump(path) as machine, open_dump(folder / f"{name}.small.dmp") as engine:
        yield Pair(folder, name, machine, engine)


def lacking(pair: Pair) -> Iterator[int]:
    """Addresses of the engine's blocks whose bytes can be read in the machine and are not in our dump."""
    ours, first = pair.ours.memory, first_word(pair.engine)
    for block in pair.engine.data_blocks:
        for address in range(block.address, block.address + block.size):
            if address not in ours and address in pair.machine.memory and not first <= address < first + 0x100:
                yield address


def first_word(machine: Snapshot) -> int:
    stack = machine.stack
    assert isinstance(stack, StackWindow)
    return int.from_bytes(stack.data[: machine.machine.pointer], "little")


@pytest.mark.parametrize("pair", PAIRS, indirect=True)
def test_every_block_of_the_engine_is_in_ours(pair: Pair) -> None:
    assert [hex(address) for address in lacking(pair)] == []


@pytest.mark.parametrize("pair", PAIRS, indirect=True)
def test_our_bytes_are_the_machines(pair: Pair) -> None:
    for block in pair.ours.data_blocks:
        held = pair.ours.memory.read(block.address, block.size)
        assert held == pair.machine.memory.try_read(block.address, block.size)


def places(frames: tuple[Frame, ...]) -> list[tuple[int, int]]:
    return [(frame.pc, frame.sp) for frame in frames]


def true_places(frames: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(int(frame["pc"], 16), int(frame["sp"], 16)) for frame in frames]


@pytest.mark.parametrize("pair", DESCRIBED, indirect=True)
def test_our_dump_is_unwound_without_images(pair: Pair) -> None:
    """All true frames, each exact but where a walk begins; the engine's own dump has none of that."""
    stacks = walk(pair.ours, lookup_for(pair.ours, None))
    frames = (*stacks.dispatch.frames, *stacks.crash.frames)
    assert places(frames) == true_places(pair.truth["cpus"][pair.truth["crash_cpu"]]["frames"])
    assert {frame.trust for frame in frames} == {FrameTrust.CONTEXT, FrameTrust.UNWIND_INFO}
    plain = walk(pair.engine, lookup_for(pair.engine, None))
    assert FrameTrust.UNWIND_INFO not in {frame.trust for frame in plain.crash.frames}


@pytest.mark.parametrize("pair", DESCRIBED, indirect=True)
def test_so_are_the_other_processors(pair: Pair) -> None:
    states = pair.ours.processors
    assert not isinstance(states, Absent)
    others = [state for state in states if state.number != pair.truth["crash_cpu"]]
    assert others
    for state in others:
        assert not isinstance(state.registers, Absent)
        assert not isinstance(state.number, Absent)
        frames = walk_from(pair.ours, state.registers, state.stack, lookup_for(pair.ours, None)).frames
        assert places(frames) == true_places(pair.truth["cpus"][state.number]["frames"])
        assert {frame.trust for frame in frames} == {FrameTrust.CONTEXT, FrameTrust.UNWIND_INFO}
