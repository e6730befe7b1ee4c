"""Reading what was written gives the same facts, except for what the result says was given up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

import smalldump
from smalldump.checking import FileState, check
from smalldump.compose import Composed, compose
from smalldump.model import Snapshot
from smalldump.sources.builder import SnapshotBuilder
from smalldump.sources.small import SmallDump
from smalldump.writer import CLASSIC, MODERN, Profile
from tests.synth import Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump
from tests.writer.facts import assert_only_losses, read_again
from tests.writer.machines import builders

WAYS = {
    "modern": (MODERN, None),
    "classic": (CLASSIC, None),
    "64 KB": (MODERN, 65_536),
    "256 KB": (MODERN, 262_144),
}
every_way = pytest.mark.parametrize(("profile", "size"), WAYS.values(), ids=list(WAYS))
SYNTHETIC = {
    "x64": x64_dump(),
    "x86": x86_dump(),
    "ARM64": arm64_dump(),
    "Windows 2000": win2000_dump(),
    "kernel-written": kernel_written_dump(),
}


def written(machine: Snapshot, profile: Profile, size: int | None) -> tuple[Composed, SmallDump]:
    """A machine's dump, whole and consistent, and read again."""
    composed = compose(machine, profile=profile, size=size)
    data = composed.data()
    assert data == composed.data()
    assert len(data) == composed.plan.size
    assert len(data) == (size or profile.size or len(data))
    result = check(memoryview(data))
    assert result.state is FileState.WHOLE, result.findings
    return composed, read_again(data)


def same_again(composed: Composed, again: SmallDump, profile: Profile, size: int | None) -> bool:
    """Whether writing what was read gives the same bytes."""
    return compose(again, profile=profile, size=size).data() == composed.data()


@every_way
@pytest.mark.parametrize("dump", SYNTHETIC.values(), ids=list(SYNTHETIC))
def test_synthetic_dumps(dump: Dump, profile: Profile, size: int | None) -> None:
    source = read_again(dump.bytes)
    composed, again = written(source, profile, size)
    assert_only_losses(source, again, composed.dropped)
    assert composed.dropped or same_again(composed, again, profile, size)


@every_way
@settings(max_examples=60)
@given(builder=builders())
def test_generated_machines(builder: SnapshotBuilder, profile: Profile, size: int | None) -> None:
    source = builder.build()
    composed, again = written(source, profile, size)
    assert_only_losses(source, again, composed.dropped)
    assert composed.dropped or same_again(composed, again, profile, size)


def sample_dumps(samples: Path) -> Iterator[SmallDump]:
    """The dumps among the samples; two of the real files are none."""
    paths = [*(samples / "dumps").glob("*.dmp"), *(samples / "engine-written").glob("*.small.dmp")]
    for path in sorted(paths):
        if path.read_bytes()[:4] == b"PAGE":
            yield SmallDump(memoryview(path.read_bytes()), path.name)


@every_way
def test_samples(samples: Path, profile: Profile, size: int | None) -> None:
    count = whole = 0
    for source in sample_dumps(samples):
        composed, again = written(source, profile, size)
        assert_only_losses(source, again, composed.dropped)
        if not composed.dropped:
            whole += 1
            assert same_again(composed, again, profile, size), source.name
        count += 1
    assert count == 43
    assert whole > (30 if (profile, size) == (MODERN, None) else 5)


def test_a_large_dump_in_256_kb_keeps_its_facts(samples: Path) -> None:
    with smalldump.open(samples / "dumps" / "6875e8ff013e.dmp") as source:
        composed, again = written(source, MODERN, 262_144)
        assert len(composed.data()) == 262_144
        for fact in ("bug_check", "system", "contexts", "thread", "process", "processor", "unloaded_modules"):
            assert getattr(again, fact) == getattr(source, fact), fact
        assert list(again.modules) == list(source.modules)
        assert len(again.blobs) == len(source.blobs) - sum(loss.what.startswith("blob ") for loss in composed.dropped)
