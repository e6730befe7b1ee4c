"""Walks with images over synthetic x64 machines, whose true stacks and registers are known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smalldump.api import open_dump
from smalldump.images import PeImage
from smalldump.memory import Overlay, Segment
from smalldump.model import Module, Snapshot, StackWindow
from smalldump.model.symbols import ModuleFiles, SymbolTable
from smalldump.unwind import FrameTrust, Stacks, WalkEnd, walk

MACHINES = (
    "win7_x64_7601",
    "win8_x64_9200",
    "win10_x64_10240",
    "win10_x64_19041_cut",
    "win10_x64_19041_loop",
    "win10_x64_19041_nocontext",
    "win11_x64_22621_7e",
)
INTERRUPTED = "interrupted"


class Folder:
    """The images of one machine, less some."""

    def __init__(self, folder: Path, without: tuple[str, ...] = ()) -> None:
        images = [PeImage.from_file(memoryview(p.read_bytes())) for p in folder.iterdir() if p.name not in without]
        self.images = {(image.timestamp, image.size_of_image): image for image in images}

    def image(self, module: Module, /) -> PeImage | None:
        return self.images.get((module.timestamp, module.size))  # type: ignore[arg-type]

    def symbols(self, _: Module, /) -> SymbolTable | None:
        return None

    def files(self, _: Module, /) -> ModuleFiles | None:
        return None


class Case:
    """A machine with its truth."""

    def __init__(self, samples: Path, name: str) -> None:
        folder = samples / "engine-written"
        self.images = folder / "images" / name
        self.machine: Snapshot = open_dump(folder / f"{name}.small.dmp")
        truth: dict[str, Any] = json.loads((folder / f"{name}.truth.json").read_text("utf-8"))
        frames = truth["cpus"][truth["crash_cpu"]]["frames"]
        at = next((at for at, frame in enumerate(frames) if frame["pc_is"] == INTERRUPTED), 0)
        self.dispatch, self.crash = list(places(frames[:at])), list(places(frames[at:]))

    def walk(self, without: tuple[str, ...] = ()) -> Stacks:
        return walk(self.machine, Folder(self.images, without))


def places(frames: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    for frame in frames:
        yield int(frame["pc"], 16), int(frame["sp"], 16)


def found(stacks: Stacks) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    crash, dispatch = stacks.crash.frames, stacks.dispatch.frames
    return [(f.pc, f.sp) for f in dispatch], [(f.pc, f.sp) for f in crash]


@pytest.fixture(params=MACHINES)
def synthetic(samples: Path, request: pytest.FixtureRequest) -> Iterator[Case]:
    case = Case(samples, request.param)
    yield case
    case.machine.close()


def test_every_frame_is_exact(synthetic: Case) -> None:
    stacks = synthetic.walk()
    assert found(stacks) == (synthetic.dispatch, synthetic.crash)
    trusts = [frame.trust for frame in (*stacks.dispatch.frames[1:], *stacks.crash.frames[1:])]
    assert set(trusts) == {FrameTrust.UNWIND_INFO}
    assert stacks.crash.end is WalkEnd.STACK_BASE


@pytest.mark.parametrize("missing", ["filtsyn.sys", "storsyn.sys", "ntoskrnl.exe"])
def test_what_is_called_exact_is_right_with_images_missing(synthetic: Case, missing: str) -> None:
    """One image less: the frames up to the gap stay exact, those behind it are inferred, and most of them right."""
    stacks = synthetic.walk(without=(missing,))
    dispatch, crash = found(stacks)
    exact = [(f.pc, f.sp) for f in (*stacks.dispatch.frames, *stacks.crash.frames) if f.trust > FrameTrust.SCAN]
    assert set(exact) <= {*synthetic.dispatch, *synthetic.crash}
    assert len({*crash} & {*synthetic.crash}) >= 0.8 * len(synthetic.crash)
    assert len({*dispatch} & {*synthetic.dispatch}) >= 0.8 * len(synthetic.dispatch)


@pytest.mark.parametrize("words", [1, 8])
def test_a_smashed_stack_gives_no_exact_frame_that_is_wrong(synthetic: Case, words: int) -> None:
    """A return address and what lies above it are overwritten: exact steps end below, and the scan goes on."""
    _, sp = synthetic.crash[4]
    smash(synthetic.machine, sp - 8, b"\x41" * 8 * words)
    stacks = synthetic.walk()
    _, crash = found(stacks)
    exact = [(f.pc, f.sp) for f in stacks.crash.frames if f.trust is FrameTrust.UNWIND_INFO]
    assert exact == synthetic.crash[1:4]
    assert len({*crash} & {*synthetic.crash}) >= len(synthetic.crash) - 2


def smash(machine: Snapshot, address: int, data: bytes) -> None:
    window, memory = machine.stack, machine.memory
    assert isinstance(window, StackWindow)
    assert isinstance(memory, Overlay)
    stack = bytearray(window.data)
    stack[address - window.start : address - window.start + len(data)] = data
    smashed = Segment(window.start, memoryview(bytes(stack)), "smashed")
    machine.stack = StackWindow(window.start, smashed.data, window.cut)
    machine.memory = Overlay([smashed, *(segment for _, _, segment in memory.pieces())])
