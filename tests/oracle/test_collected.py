"""Microsoft's engine unwinds a small dump without images, by what was collected of them in the machine's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from smalldump.compose import compose
from smalldump.model import Snapshot
from smalldump.model.requests import Rank
from smalldump.sources.small import SmallDump
from smalldump.writer import MODERN, emit, place
from tests.collect.machines import calling_machine, stopped
from tests.oracle.fixture import Oracle
from tests.truth.grafting import Graft

VARIANTS = ("x64-keep", "x64-omit", "x64-plain", "x64-small", "x64-throw")


def written(machine: Snapshot, folder: Path) -> Path:
    path = folder / "written.dmp"
    path.write_bytes(compose(machine, profile=MODERN).data())
    return path


def agreed(oracle: Oracle, path: Path, found: Graft) -> int:
    """How many of the true return addresses the engine finds, before it finds another one."""
    frames = oracle.read(path).frames
    pairs = zip(frames, found.frames, strict=False)
    return next((n for n, (frame, true) in enumerate(pairs) if frame.return_address != true[0]), len(found.frames))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_engine_unwinds_without_images(name: str, oracle: Oracle, tmp_path: Path) -> None:
    for found in stopped(name, most=5):
        path = written(found.machine, tmp_path)
        assert oracle.differences(path, SmallDump(memoryview(path.read_bytes()))) == []
        assert agreed(oracle, path, found) >= len(found.frames) - 1


def test_without_the_whole_table_it_does_not(oracle: Oracle, tmp_path: Path) -> None:
    """Which is why tables go in where there is room."""
    machine = calling_machine(3000, [1, 2900, 1500, 7])
    truth = [frame_pc(number) for number in (2900, 1500, 7)]
    path = written(machine, tmp_path)
    assert [frame.return_address for frame in oracle.read(path).frames][:3] == truth
    composed = compose(machine, profile=MODERN)
    kept = tuple(block for block in composed.contents.blocks if block.rank is not Rank.OTHER)
    contents = composed.contents._replace(blocks=kept)
    path.write_bytes(emit(contents, place(contents)))
    assert [frame.return_address for frame in oracle.read(path).frames][:3] != truth


def frame_pc(number: int) -> int:
    return 0xFFFFF80008001009 + 16 * number
