"""Hostile input: mutated dumps end as a report, in bounded time and memory, and as text too.

Time-boxed: `SMALLDUMP_FUZZ_SECONDS` says for how long (per file of origin the share is equal). The seed is fixed, so
that a failure comes back.
"""

from __future__ import annotations

import os
import random
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from smalldump.api import analyze_source
from smalldump.checking.claims import file_layout
from smalldump.intake import ByteSource
from smalldump.report.text import render
from smalldump.sources.triage_file import TriageFile
from tests.goldens import EXAMPLES
from tests.synth.big_machine import BigMachine
from tests.synth.stories import arm64, demo, xp

SECONDS = float(os.environ.get("SMALLDUMP_FUZZ_SECONDS", "8"))
SLOWEST = 20.0  # seconds of processor time for one dump, on a busy machine too
EXTREMES = (0, 1, 2, 7, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF, 0x45474150)
Mutation = Callable[[bytearray, random.Random], bytearray]


def flip_bits(data: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 3, 20))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def set_words_of_the_headers(data: bytearray, chance: random.Random) -> bytearray:
    end = min(0x2100 if data[:8] == b"PAGEDU64" else 0x1100, len(data))
    for _ in range(chance.choice((1, 2, 5))):
        at = chance.choice((chance.randrange(0, end, 4), end - 0x100 + chance.randrange(0, 0x100, 4)))
        struct.pack_into("<I", data, min(at, len(data) - 4), word(data, chance))
    return data


def set_words_anywhere(data: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 10, 200))):
        struct.pack_into("<I", data, chance.randrange(len(data) - 4), word(data, chance))
    return data


def word(data: bytearray, chance: random.Random) -> int:
    near = len(data) + chance.randrange(-16, 16)
    return chance.choice((*EXTREMES, near, chance.randrange(len(data)), chance.randrange(1 << 32))) & 0xFFFFFFFF


def cut(data: bytearray, chance: random.Random) -> bytearray:
    return data[: chance.randrange(len(data))]


def fill_a_range(data: bytearray, chance: random.Random) -> bytearray:
    start = chance.randrange(len(data))
    end = min(start + chance.choice((16, 0x100, 0x1000, 0x8000)), len(data))
    data[start:end] = bytes([chance.choice((0, 0x41, 0xFF))]) * (end - start)
    return data


def copy_a_range(data: bytearray, chance: random.Random) -> bytearray:
    size = chance.choice((8, 0x40, 0x400))
    source, target = (chance.randrange(max(len(data) - size, 1)) for _ in range(2))
    data[target : target + size] = data[source : source + size]
    return data


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    set_words_of_the_headers,
    set_words_of_the_headers,
    set_words_anywhere,
    cut,
    fill_a_range,
    copy_a_range,
)


def mutants(original: bytes, chance: random.Random, until: float) -> Iterator[tuple[str, bytes]]:
    while time.monotonic() < until:
        data, names = bytearray(original), []
        for mutation in chance.choices(MUTATIONS, k=chance.choice((1, 1, 2))):
            if len(data) > 8:
                data = mutation(data, chance)
                names.append(mutation.__name__)
        yield " then ".join(names), bytes(data)


def survive(data: bytes) -> float:
    """Analyse in full, write as JSON, print; then account for every byte. Returns the seconds of the slower half."""
    start = time.process_time()
    report = analyze_source(ByteSource("mutant.dmp", None, memoryview(data)), detailed=True)
    report.to_json()
    render(report, verbose=True)
    middle = time.process_time()
    assert report["file.state"] in ("whole", "damaged", "not_a_dump")
    if report["file.format"] == "small":
        file_layout(TriageFile(memoryview(data)))
    return max(middle - start, time.process_time() - middle)


def run(originals: list[Path], seconds: float, seed: int) -> int:
    chance, count = random.Random(seed), 0
    for path in originals:
        original = path.read_bytes()
        until = time.monotonic() + seconds / len(originals)
        for name, data in mutants(original, chance, until):
            count += 1
            assert survive(data) < SLOWEST, f"{path.name}, {name}: too slow"
    return count


def test_mutated_examples_end_as_reports() -> None:
    assert run(EXAMPLES, SECONDS, seed=1) >= SECONDS


def test_mutated_machines_end_as_reports(tmp_path: Path) -> None:
    """Complete and bitmap dumps: their page tables, lists and processors are hostile too."""
    machines = [BigMachine(story.builder()) for story in (demo, xp, arm64)]
    dumps = [*(machine.complete() for machine in machines), machines[0].bitmap(6)]
    paths = [tmp_path / f"{number}.dmp" for number in range(len(dumps))]
    for path, data in zip(paths, dumps, strict=True):
        path.write_bytes(data)
    assert run(paths, SECONDS / 2, seed=4) >= SECONDS


def test_mutated_samples_end_as_reports(samples: Path) -> None:
    dumps = sorted((samples / "dumps").glob("*.dmp")) + sorted((samples / "engine-written").glob("*.dmp"))
    real = [path for path in dumps if path.stat().st_size > 0x2000]
    assert len(real) >= 40
    assert run(real, SECONDS, seed=2) >= SECONDS


@pytest.mark.parametrize("dump", EXAMPLES, ids=lambda dump: dump.name)
def test_memory_stays_within_four_times_the_file_and_50_megabytes(dump: Path) -> None:
    keep_within_memory(dump, mutants_each=12)


def test_memory_of_samples_stays_within_the_same_bounds(samples: Path) -> None:
    for dump in sorted((samples / "dumps").glob("*.dmp")):
        if dump.stat().st_size > 0x2000:
            keep_within_memory(dump, mutants_each=1)


def keep_within_memory(dump: Path, mutants_each: int) -> None:
    chance, original = random.Random(3), dump.read_bytes()
    for data in (original, *islice(_endless(original, chance), mutants_each)):
        tracemalloc.start()
        try:
            survive(data)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 4 * len(data) + 50 * 2**20


def _endless(original: bytes, chance: random.Random) -> Iterator[bytes]:
    for _, data in mutants(original, chance, float("inf")):
        yield data


@pytest.mark.parametrize("size", [0, 1, 7, 8, 0x5F, 0x60, 0xFFF, 0x1000, 0x1FFF, 0x2000, 0x207F, 0x2080, 0x20D0])
def test_a_dump_cut_at_any_border_still_gives_what_is_there(size: int) -> None:
    original = next(path for path in EXAMPLES if path.name.startswith("112226")).read_bytes()
    report = analyze_source(ByteSource("cut.dmp", None, memoryview(original[:size])))
    assert report["findings"]
    if size >= 0x60:
        assert report["bug_check.code"] == "0x000000d1"
        assert report["file.state"] == "damaged"
