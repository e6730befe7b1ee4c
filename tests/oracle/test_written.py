"""Others open it: Microsoft's engine reads what smalldump writes, without complaint and as smalldump does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smalldump.compose import Composed, compose
from smalldump.model import Absent, Snapshot
from smalldump.model.requests import Rank
from smalldump.sources.small import SmallDump
from smalldump.writer import CLASSIC, MODERN, Profile, emit, place
from smalldump.writer.scrub import ScrubLevel
from tests.oracle.fixture import Oracle
from tests.oracle.reading import Reading

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.dmp"))
SMALL, MIDDLE = 65_536, 262_144


def opened(data: bytes) -> SmallDump:
    return SmallDump(memoryview(data))


def sample_dumps(samples: Path) -> list[Path]:
    """The dumps among the samples; two of the real files are none."""
    dumps = sorted((samples / "dumps").glob("*.dmp")) + sorted((samples / "engine-written").glob("*.small.dmp"))
    found = [dump for dump in dumps if dump.read_bytes()[:4] == b"PAGE"]
    assert len(found) == 43
    return found


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
    wrong: dict[str, list[str]] = {}
    for dump in sample_dumps(samples):
        path, _ = written(opened(dump.read_bytes()), tmp_path, None, size)
        found = oracle.differences(path, opened(path.read_bytes()))
        if found:
            wrong[dump.name] = found
    assert wrong == {}


def test_without_kiprocessorblock_the_headers_registers_are_shown(
    oracle: Oracle, tmp_path: Path, samples: Path
) -> None:
    """Giving up the KiProcessorBlock group switches `r` from KeBugCheckEx to the code that failed."""
    machine = opened((samples / "dumps" / "6875e8ff013e.dmp").read_bytes())
    path, composed = written(machine, tmp_path, None, None)
    assert oracle.read(path).registers["rip"] == machine.modules[0].base + 0x3F5A80
    kept = tuple(block for block in composed.contents.blocks if block.rank is not Rank.PROCESSOR_GROUP)
    assert len(kept) < len(composed.contents.blocks)
    contents = composed.contents._replace(blocks=kept)
    path.write_bytes(emit(contents, place(contents)))
    failed = next(module for module in machine.modules if module.file == "amdppm.sys")
    assert oracle.read(path).registers["rip"] == failed.base + 0x334C
    assert oracle.differences(path, opened(path.read_bytes())) == []


MANY_DRIVERS = {"win10_x64_19041_overflow.small.dmp", "xp_sp3_2600_overflow.small.dmp"}
"""Machines with hundreds of drivers, of which 64 KB hold a part, and no unloaded ones."""
GIVEN: dict[str, tuple[int | None, ScrubLevel | None]] = {
    "modern": (None, None),
    "64K": (SMALL, None),
    "facts": (None, ScrubLevel.FACTS),
    "stack": (None, ScrubLevel.STACK),
}


def test_the_engine_says_of_a_written_dump_what_it_says_of_its_source(
    oracle: Oracle, tmp_path: Path, samples: Path
) -> None:
    """Our own reading is not asked. Registers are others only where the KiProcessorBlock group is gone."""
    wrong: dict[tuple[str, str], set[str]] = {}
    for dump in sample_dumps(samples):
        source, before = opened(dump.read_bytes()), oracle.read(dump)
        for way, (size, level) in GIVEN.items():
            path = tmp_path / "written.dmp"
            path.write_bytes(compose(source, profile=MODERN, size=size, scrub_level=level).data())
            found = changed(before, oracle.read(path))
            if level or (has_group(source) and not has_group(opened(path.read_bytes()))):
                found -= {"registers"}
            if found != ({"modules", "unloaded"} if size and dump.name in MANY_DRIVERS else set()):
                wrong[dump.name, way] = found
    assert wrong == {}


def changed(before: Reading, after: Reading) -> set[str]:
    """What the engine says otherwise than before; complaints that it did not have then."""
    if after.refusal:
        return {after.refusal}
    return {name for name in SAID if getattr(before, name) != getattr(after, name)} | (
        set(after.complaints) - set(before.complaints)
    )


SAID = ("bug_check", "registers", "target", "modules", "unloaded")
"""Of which `target` is machine, build, product, build lab, kernel base, time and uptime."""


def has_group(machine: SmallDump) -> bool:
    """Whether the memory of KiProcessorBlock is in the dump, so that the engine takes the PRCB's registers."""
    words = machine.debugger_data
    return not isinstance(words, Absent) and words["ki_processor_block"] in machine.memory
