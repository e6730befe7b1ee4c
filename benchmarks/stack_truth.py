"""How right call stacks are: recall and precision against stacks whose truth is known.

    python -m benchmarks.stack_truth [SAMPLES]

SAMPLES (else the variable SMALLDUMP_SAMPLES) is a folder with `dumps/ID.dmp` and `truth/ID.stack.json`, and with
`engine-written/NAME.small.dmp` and `NAME.truth.json`. A frame is right when program counter and stack pointer are; the
innermost frame of a stack comes from registers and does not count. Where the cases of the unwind oracle lie beside
SAMPLES, in `../oracle`, they are walked too (see `tests.truth.without_images`).
"""

from __future__ import annotations

import json
import os
import sys
import timeit
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.truth.oracle_cases import case_files
from tests.truth.without_images import MACHINES, Rates, tallies

import smalldump
from smalldump.model import Snapshot
from smalldump.model.absent import present
from smalldump.unwind import CallStack, walk

__all__ = ["Score", "main", "scores"]

Place = tuple[int, int]


@dataclass(frozen=True)
class Score(Rates):
    """One stack of one dump against its truth.

    Attributes:
        part: `crash` or `dispatch`.
        true, found, right: Frames of the truth, of the walk, and of both.
        seconds: Time of the walk that gave all stacks of the dump, its facts being read already.
    """

    dump: str
    part: str
    true: int
    found: int
    right: int
    seconds: float


def scores(samples: Path) -> Iterator[Score]:
    """Score every dump of `samples` whose true stack is there."""
    for path in sorted((samples / "truth").glob("*.stack.json")):
        truth = json.loads(path.read_text("utf-8"))
        yield from _of_dump(samples / "dumps" / f"{truth['dump']}.dmp", _places(truth["frames"]))
    for path in sorted((samples / "engine-written").glob("*.truth.json")):
        truth = json.loads(path.read_text("utf-8"))
        dump = path.with_name(path.name.replace(".truth.json", ".small.dmp"))
        if dump.exists():
            yield from _of_dump(dump, _places(truth["cpus"][truth["crash_cpu"]]["frames"]))


def _places(frames: Iterable[dict[str, Any]]) -> list[Place]:
    return [(int(frame["pc"], 16), int(frame["sp"], 16)) for frame in frames]


def _of_dump(path: Path, truth: list[Place]) -> Iterator[Score]:
    with smalldump.open(path) as machine:
        yield from _of_machine(path.stem, machine, truth)


def _of_machine(name: str, machine: Snapshot, truth: list[Place]) -> Iterator[Score]:
    registers = present(machine.contexts.crash)
    border = registers.sp if registers is not None else 0
    stacks = walk(machine)
    seconds = min(timeit.repeat(lambda: walk(machine), number=1, repeat=5))
    yield _score(name, "crash", stacks.crash, [place for place in truth if place[1] > border], seconds)
    below = [place for place in truth[1:] if place[1] < border]
    if below:
        yield _score(name, "dispatch", stacks.dispatch, below, seconds)


def _score(name: str, part: str, stack: CallStack, truth: list[Place], seconds: float) -> Score:
    found = {(frame.pc, frame.sp) for frame in stack.frames[1:]}
    return Score(name, part, len(truth), len(found), len(found.intersection(truth)), seconds)


def main(samples: Path) -> None:
    """Print a table of all scores, and one of the oracle's."""
    print(f"{'dump':32} {'stack':9} {'true':>4} {'found':>5} {'right':>5} {'recall':>6} {'precision':>9} {'ms':>6}")
    for score in scores(samples):
        counts = f"{score.true:4} {score.found:5} {score.right:5} {score.recall:6.2f} {score.precision:9.2f}"
        print(f"{score.dump[:32]:32} {score.part:9} {counts} {score.seconds * 1000:6.2f}")
    print()
    print(f"{'image':40} {'held':8} {'true':>5} {'recall':>6} {'precision':>9} {'proved':>6} {'wrong':>5} {'ms':>6}")
    for arch in MACHINES:
        for row in tallies(case_files(arch, samples)):
            figures = f"{row.true:5} {row.recall:6.3f} {row.precision:9.3f} {row.proved:6} {row.wrong:5}"
            print(f"{row.image[:40]:40} {row.variant:8} {figures} {row.seconds * 1000:6.2f}")


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SMALLDUMP_SAMPLES")
    if not folder:
        sys.exit("name the folder of samples, or set SMALLDUMP_SAMPLES")
    main(Path(folder))
