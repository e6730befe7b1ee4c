"""Others open it: Microsoft's engine reads what smalldump writes, without complaint and as smalldump does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smalldump.compose import Composed, compose
from smalldump.model import Snapshot
from smalldump.model.requests import Rank
from smalldump.sources.small import SmallDump
from smalldump.writer import CLASSIC, MODERN, Profile
from tests.oracle.fixture import Oracle

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.dmp"))
SMALL, MIDDLE = 65_536, 262_144


def opened(data: bytes) -> SmallDump:
    return SmallDump(memoryview(data))


def written(machine: Snapshot, folder: Path, profile: Profile | None, size: int | None) -> tuple[Path, Composed]:
    composed = compose(machine, profile=profile, size=size)
    path = folder / "written.dmp"
    path.write_bytes(composed.data())
    return path, composed


def ways(path: Path) -> Iterator[tuple[Profile | None, int | None]]:
    """Each profile, the size of the description, and one between."""
    yield from ((CLASSIC, None), (MODERN, None), (None, SMALL), (None, MIDDLE))


@pytest.mark.parametrize("way", list(ways(Path())), ids=["classic", "modern", "64K", "256K"])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_engine_opens_examples_written_anew(
    example: Path, way: tuple[Profile | None, int | None], oracle: Oracle, tmp_path: Path
) -> None:
    path, composed = written(opened(example.read_bytes()), tmp_path, *way)
    assert oracle.differences(path, opened(path.read_bytes())) == []
    size = way[1] or (way[0].size if way[0] else None)
    assert path.stat().st_size == (size or composed.plan.size)


@pytest.mark.parametrize("size", [None, SMALL, MIDDLE], ids=["default", "64K", "256K"])
def test_the_engine_opens_samples_written_anew(size: int | None, oracle: Oracle, tmp_path: Path, samples: Path) -> None:
    dumps = sorted((samples / "dumps").glob("*.dmp")) + sorted((samples / "engine-written").glob("*.small.dmp"))
    wrong: dict[str, list[str]] = {}
    count = 0
    for dump in dumps:
        if dump.stat().st_size < 0x2000 or dump.read_bytes()[:4] != b"PAGE":
            continue
        path, _ = written(opened(dump.read_bytes()), tmp_path, None, size)
        found = oracle.differences(path, opened(path.read_bytes()))
        count += 1
        if found:
            wrong[dump.name] = found
    assert count >= 43
    assert wrong == {}


def test_without_kiprocessorblock_the_headers_registers_are_shown(
    oracle: Oracle, tmp_path: Path, samples: Path
) -> None:
    """Giving up the KiProcessorBlock group switches `r` from KeBugCheckEx to the code that failed."""
    machine = opened((samples / "dumps" / "6875e8ff013e.dmp").read_bytes())
    composed = compose(machine)
    kept = tuple(block for block in composed.contents.blocks if block.rank is not Rank.PROCESSOR_GROUP)
    assert len(kept) < len(composed.contents.blocks)
    path, _ = written(machine, tmp_path, None, None)
    whole = oracle.read(path)
    assert whole.registers["rip"] == machine.modules[0].base + 0x3F5A80
