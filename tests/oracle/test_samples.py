"""The sample dumps, read by Microsoft's engine now: facts, file layout and the bytes of memory."""

from __future__ import annotations

import os
from itertools import accumulate
from pathlib import Path

import pytest

from smalldump.sources.small import SmallDump
from tests.oracle.compare import compare, pieces
from tests.oracle.fixture import Oracle
from tests.truth.conftest import sample_dumps

NO_CONTEXT = {"win10_x64_19041_nocontext", "win7_sp1_7601"}
"""KiProcessorBlock without the CONTEXT that it leads to: the engine finds no registers, we take the header's."""
MOST_BYTES = 0x40000  # of memory, the stack first: all 8 MB of the largest sample take ten seconds


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder = os.environ.get("SMALLDUMP_SAMPLES")
    metafunc.parametrize("name", sorted(sample_dumps(Path(folder))) if folder else ["no samples"])


def test_the_engine_reads_it_as_we_do(name: str, samples: Path, oracle: Oracle) -> None:
    path = sample_dumps(samples)[name][0]
    machine = SmallDump(memoryview(path.read_bytes()))
    sizes = accumulate(size for _, size in pieces(machine))
    asked = [piece for piece, sum_of_sizes in zip(pieces(machine), sizes, strict=True) if sum_of_sizes <= MOST_BYTES]
    differences = compare(machine, oracle.read(path, asked))
    if name in NO_CONTEXT:
        assert "the engine complains: GetContextState failed, 0x8007001E" in differences
        differences = [line for line in differences if not line.startswith("the engine complains: ")]
    assert differences == []
