"""The samples, one by one: where `SMALLDUMP_SAMPLES` is set, a test that asks for a `case` runs once for each."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from smalldump.sources.detect import open_snapshot
from smalldump.sources.small import SmallDump
from tests.truth.engine import EngineReading

_TRANSCRIPTS = {"dumps": "dbgeng", "engine-written": "engine-written"}


@dataclass(frozen=True)
class Case:
    """A sample dump: how we read it, and how Microsoft's engine does."""

    name: str
    ours: SmallDump
    engine: EngineReading


@cache
def sample_dumps(folder: Path) -> dict[str, tuple[Path, Path]]:
    """The dumps that the engine could open, by name, with its transcript."""
    pairs = {}
    for dumps, transcripts in _TRANSCRIPTS.items():
        for path in sorted((folder / dumps).glob("*.dmp")):
            transcript = folder / transcripts / f"{path.stem}.txt"
            if ">>> " in transcript.read_text("utf-8", "replace"):
                pairs[path.stem.removesuffix(".small")] = (path, transcript)
    return pairs


def _real(name: str, folder: Path) -> bool:
    return (folder / "dumps" / f"{name}.dmp").exists()


def _described(name: str, folder: Path) -> bool:
    return (folder / "engine-written" / f"{name}.truth.json").exists()


_KINDS: dict[str, Callable[[str, Path], bool]] = {
    "case": lambda name, folder: True,
    "real": _real,
    "written": lambda name, folder: not _real(name, folder),
    "described": _described,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once per sample of the kind that it asks for."""
    folder = os.environ.get("SMALLDUMP_SAMPLES")
    for kind, belongs in _KINDS.items():
        if kind in metafunc.fixturenames:
            dumps = sample_dumps(Path(folder)) if folder else {}
            names = [name for name in dumps if belongs(name, Path(folder or ""))]
            metafunc.parametrize(kind, names or ["no samples"], indirect=True, scope="module")


def _case(request: pytest.FixtureRequest, samples: Path) -> Case:
    path, transcript = sample_dumps(samples)[request.param]
    return _opened(request.param, path, transcript)


@cache
def _opened(name: str, path: Path, transcript: Path) -> Case:
    ours = open_snapshot(memoryview(path.read_bytes()), path.name)
    assert isinstance(ours, SmallDump)
    return Case(name, ours, EngineReading(transcript.read_text("utf-8", "replace")))


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest, samples: Path) -> Case:
    """Any sample."""
    return _case(request, samples)


@pytest.fixture(scope="module")
def real(request: pytest.FixtureRequest, samples: Path) -> Case:
    """A real dump."""
    return _case(request, samples)


@pytest.fixture(scope="module")
def written(request: pytest.FixtureRequest, samples: Path) -> Case:
    """A dump that Microsoft's engine wrote of a synthetic machine."""
    return _case(request, samples)


@pytest.fixture(scope="module")
def described(request: pytest.FixtureRequest, samples: Path) -> Case:
    """One of those, with a description of the machine."""
    return _case(request, samples)
