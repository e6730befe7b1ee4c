"""Machines whose memory holds their images: what a big dump gives, made of recorded images and their true stacks."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.memory import Overlay, Segment
from smalldump.model import Snapshot
from tests.truth.grafting import Graft, graft
from tests.truth.images.cases import BuiltImage, Stack, load
from tests.truth.oracle_cases import Case, CaseFile, OracleFrame

__all__ = ["grafted", "stopped", "with_memory"]

_POINTERS = {"arm64": ("pc", "sp"), "x64": ("rip", "rsp"), "x86": ("eip", "esp")}


def stopped(name: str, most: int = 1000) -> Iterator[Graft]:
    """A recorded image (`x64-omit`) in a kernel, at each of its moments: stopped there, and all of it in memory."""
    image = load(name)
    return (grafted(name, image, stack) for stack in image.stacks[:most])


def grafted(name: str, image: BuiltImage, stack: Stack) -> Graft:
    """The machine at one moment."""
    pc, sp = _POINTERS[image.arch]
    frames = tuple(OracleFrame(frame.ret, frame.sp, frame.saved) for frame in stack.frames)
    case = Case(stack.registers[pc], stack.registers[sp], stack.registers, stack.at, stack.data, frames)
    file = CaseFile(name, image.arch, f"{name}.sys", "", image.base, image.sentinel, (case,))
    vars(file)["data"] = image.data  # which is fetched where it is not there
    found = graft(file, case)
    with_memory(found.machine, {found.module.base: image.mapped})
    return found


def with_memory(machine: Snapshot, memory: dict[int, bytes]) -> None:
    """Let a machine's memory hold more."""
    held = machine.memory
    assert isinstance(held, Overlay)
    more = [Segment(address, memoryview(data), "image") for address, data in memory.items()]
    machine.memory = Overlay([*(segment for _, _, segment in held.pieces()), *more])
