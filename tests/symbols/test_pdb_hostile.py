"""Hostile PDBs: mutated ones give answers, None or `SymbolError`, in bounded time and memory.

Time-boxed: `SMALLDUMP_FUZZ_SECONDS` says for how long. The seed is fixed, so that a failure comes back.
"""

from __future__ import annotations

import os
import random
import struct
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest

from smalldump.errors import SymbolError
from smalldump.symbols.pdb import Pdb, public_places
from tests.symbols.msf_builder import MadePdb
from tests.symbols.test_pdb import reordered, with_lines

SECONDS = float(os.environ.get("SMALLDUMP_FUZZ_SECONDS", "8")) / 2
SLOWEST = 20.0  # seconds of processor time, on a busy machine too, for all questions to one PDB
MOST_MEMORY = 64 << 20
RVAS = (0, 0x1000, 0x1014, 0x1018, 0x101C, 0x1040, 0x10C4, 0x1100, 0x1234, 0x2004, 0x2210, 0x5000, 0xFFFFFFFF)
TYPES = ("_THING", "_STATE", "deep::Square", "_EXCEPTION_RECORD", "_CONTEXT", "type_info", "_NOWHERE")
EXTREMES = (0, 1, 2, 3, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)
BLOCK = 512  # heads of streams are at the start of a block, of this size or a multiple


def at_rva(method: str, rva: int) -> Callable[[Pdb], object]:
    return lambda pdb: getattr(pdb, method)(rva)


def of_type(name: str) -> Callable[[Pdb], object]:
    return lambda pdb: pdb.type_named(name)


QUESTIONS: list[Callable[[Pdb], object]] = [
    lambda pdb: pdb.identity,
    lambda pdb: pdb.machine,
    lambda pdb: list(islice(public_places(pdb), 10_000)),
    *(at_rva(method, rva) for rva in RVAS for method in ("nearest", "line", "inlines", "frame_program")),
    *(of_type(name) for name in TYPES),
]
"""All that can be asked, one by one: a malformed part must not hide the others."""


def ask(data: bytes | bytearray) -> int:
    """How many questions have an answer."""
    answers = 0
    try:
        pdb = Pdb(data)
    except SymbolError:
        return 0
    for question in QUESTIONS:
        with suppress(SymbolError):
            answers += bool(question(pdb))
    return answers


def mutated(data: bytearray, chance: random.Random) -> bytearray:
    kind = chance.randrange(6)
    if kind == 0:
        return data[: chance.randrange(len(data))]
    if kind == 1:
        start = chance.randrange(len(data))
        end = min(start + chance.choice((4, 64, 4096)), len(data))
        data[start:end] = bytes([chance.choice((0, 0x41, 0xFF))]) * (end - start)
        return data
    if kind == 2:
        source, target, size = chance.randrange(len(data)), chance.randrange(len(data)), chance.choice((4, 64, 512))
        piece = data[source : source + size]
        data[target : target + len(piece)] = piece
        return data[: 1 << 24]
    for _ in range(chance.choice((1, 4, 32, 256))):
        at = chance.randrange(0, len(data) - 4)
        at = at if chance.random() < 0.5 else min(at // BLOCK * BLOCK + chance.randrange(0, 0x50), len(data) - 4)
        near = chance.randrange(0x40) * 4
        word = chance.choice((*EXTREMES, near, chance.randrange(1 << 32), chance.randrange(len(data))))
        struct.pack_into("<I" if kind == 3 else "<H", data, at & ~1, word if kind == 3 else word & 0xFFFF)
    return data


def check(origin: bytes, seed: int, seconds: float) -> int:
    """Mutations until the time is up; how many there were."""
    chance, count, end = random.Random(seed), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutated(bytearray(origin), chance)
        start = time.process_time()
        ask(data)
        assert time.process_time() - start < SLOWEST, count
        count += 1
    return count


@pytest.mark.parametrize("make", [with_lines, reordered])
def test_mutated_made_pdbs(make: Callable[[], MadePdb]) -> None:
    origin = bytes(make().build())
    assert ask(origin) > 5
    assert check(origin, 1, SECONDS / 4) > 20


def test_mutated_pdbs_of_clang(built: tuple[Path, ...]) -> None:
    for seed, path in enumerate(built):
        assert ask(path.read_bytes()) > 10
        assert check(path.read_bytes(), seed, SECONDS / 4 / len(built)) > 3


def test_mutated_pdbs_of_microsoft(from_wheels: tuple[Path, ...]) -> None:
    small = [path for path in from_wheels if path.stat().st_size < 1 << 20]
    assert small
    for seed, path in enumerate(small):
        assert ask(path.read_bytes()) > 10
        assert check(path.read_bytes(), seed, SECONDS / 4 / len(small)) > 0


def test_every_cut_of_a_small_pdb_is_refused_or_read() -> None:
    origin = bytes(with_lines().build())
    for size in range(0, len(origin), 61):
        ask(origin[:size])


def test_memory_stays_bounded(built: tuple[Path, ...]) -> None:
    """Of what is read, not of the file; with a directory that repeats blocks, too."""
    origin, chance = built[0].read_bytes(), random.Random(7)
    mutations = [bytes(mutated(bytearray(origin), chance)) for _ in range(20)]
    tracemalloc.start()
    try:
        for data in mutations:
            ask(data)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
