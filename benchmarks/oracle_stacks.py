"""Stacks of known truth as stopped machines: what code was run in an emulator, cut down to what a small dump holds.

A case of the unwind oracle (`cases/ARCH-IMAGE.json.gz`) has registers, stack and true callers; the image that it was
recorded from gives the code. Dumps of Windows 10 and later hold 256 bytes from each stack value on that points into an
image, and nothing else of it.

The images come from public wheels; `fetch_images.py` beside the cases fetches them. They are looked for in the folder
that SMALLDUMP_ORACLE_IMAGES names, else in one in the user's cache.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import struct
import timeit
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from smalldump.model import Snapshot
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.sources.builder import SnapshotBuilder, driver
from smalldump.unwind import CallStack, FrameTrust, walk

__all__ = ["BLOCK", "MACHINES", "VARIANTS", "Case", "Image", "Tally", "image_folder", "read_cases", "tallies", "tally"]

BLOCK = 256
MACHINES: Mapping[str, Machine] = {"x64": X64, "x86": X86, "arm64": ARM64}
_PAGE = 0x1000


@dataclass(frozen=True)
class Image:
    """An image as it lies in memory, and the return addresses into it that its cases know.

    `code` are its bytes from `base` on, empty where the file is not at hand.
    """

    name: str
    machine: Machine
    base: int
    size: int
    code: bytes
    returns: Sequence[int]

    def __contains__(self, address: int) -> bool:
        return self.base <= address < self.base + self.size


@dataclass(frozen=True)
class Case:
    """One stack. `true` are program counter and stack pointer after each return, up to where the emulator began."""

    image: Image
    registers: Mapping[str, int]
    start: int
    stack: bytes
    true: Sequence[tuple[int, int]]

    @cached_property
    def words(self) -> Sequence[int]:
        """The stack."""
        size = self.image.machine.pointer
        return struct.unpack_from(f"<{len(self.stack) // size}{'Q' if size == 8 else 'I'}", self.stack)

    def machine(
        self, block: int = BLOCK, *, pc: bool = True, stale: Random | None = None, share: float = 0.1
    ) -> Snapshot:
        """The stopped machine.

        Args:
            block: Bytes of code from each stack value on; 0: none.
            pc: Whether there are as many from the program counter on.
            stale: Puts old return addresses into this `share` of the words that are 0.
        """
        image, size = self.image, self.image.machine.pointer
        words = list(self.words)
        if stale is not None:
            words = [stale.choice(image.returns) if not word and stale.random() < share else word for word in words]
        stack = struct.pack(f"<{len(words)}{'Q' if size == 8 else 'I'}", *words)
        pointers = (*words, self.registers[image.machine.pc]) if pc else words
        places = [word for word in pointers if word in image] if block else []
        memory = {start: image.code[start - image.base : end - image.base] for start, end in _merged(places, block)}
        return SnapshotBuilder(
            machine=image.machine,
            registers=self.registers,
            modules=[driver(image.name, image.base, image.size)],
            stack=(self.start, stack),
            memory=memory,
        ).build()


SEED = 20261126
"""Fixed before anything was measured."""
VARIANTS: Mapping[str, Callable[[Case, Random], Snapshot]] = {
    "code": lambda case, _: case.machine(),
    "stale": lambda case, random: case.machine(stale=random),
    "no code": lambda case, _: case.machine(block=0),
}
"""What a dump holds: code behind each stack value; the same and old return addresses in a tenth of the zero words; the
stack alone."""


@dataclass(frozen=True)
class Tally:
    """All stacks of an image against their truth.

    Attributes:
        true, found, right: Frames of the truth, of the walks, and of both; the innermost ones do not count.
        proved, wrong: Found frames of trust `call_proved`, and those of them that are wrong.
        seconds: Of a walk, on average.
    """

    image: str
    variant: str
    true: int
    found: int
    right: int
    proved: int
    wrong: int
    seconds: float

    @property
    def recall(self) -> float:
        """The part of the truth that was found."""
        return self.right / self.true if self.true else 1.0

    @property
    def precision(self) -> float:
        """The part of what was found that is true."""
        return self.right / self.found if self.found else 1.0


def image_folder() -> Path:
    """Where the images of the oracle are looked for."""
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smalldump-oracle-images"
    return Path(os.environ.get("SMALLDUMP_ORACLE_IMAGES") or cached)


def tallies(oracle: Path, images: Path, arch: str) -> Iterator[Tally]:
    """All images of an architecture in all variants; without an image's file only the stack alone."""
    for path in sorted((oracle / "cases").glob(f"{arch}-*.json.gz")):
        image, cases = read_cases(path, images)
        yield from (tally(image, cases, name) for name in VARIANTS if image.code or name == "no code")


def tally(image: Image, cases: Sequence[Case], variant: str) -> Tally:
    """Walk all stacks of `cases`, as the variant of that name holds them."""
    random, counts, seconds = Random(SEED), Counter[str](), 0.0
    for case in cases:
        machine = VARIANTS[variant](case, random)
        begun = timeit.default_timer()
        stack = walk(machine).crash
        seconds += timeit.default_timer() - begun
        counts.update(_compared(case, stack))
    figures = {name: counts[name] for name in ("true", "found", "right", "proved", "wrong")}
    return Tally(image.name, variant, seconds=seconds / max(len(cases), 1), **figures)


# The stack pointer of an ARM64 frame cannot be told from the stack; there return addresses are compared alone. On x86
# helpers of prologues return with another stack pointer than they were called with; the truth has that of the call.
def _compared(case: Case, stack: CallStack) -> dict[str, int]:
    with_sp = case.image.machine is not ARM64
    true = Counter((pc, sp if with_sp else 0) for pc, sp in case.true)
    found = [((frame.pc, frame.sp if with_sp else 0), frame.trust) for frame in stack.frames[1:]]
    addresses = {pc for pc, _ in case.true}
    right = true & Counter(place for place, _ in found)
    proved = [place for place, trust in found if trust is FrameTrust.CALL_PROVED]
    return {
        "true": len(case.true),
        "found": len(found),
        "right": right.total(),
        "proved": len(proved),
        "wrong": sum(pc not in addresses if case.image.machine is X86 else (pc, sp) not in true for pc, sp in proved),
    }


def read_cases(path: Path, images: Path) -> tuple[Image, list[Case]]:
    """The image and the cases of one file."""
    document = json.loads(gzip.decompress(path.read_bytes()))
    machine, file = MACHINES[document["arch"]], images / f"{document['arch']}-{document['image']}"
    code = _mapped(file.read_bytes()) if file.exists() else b""
    returns = sorted({frame["ret"] for case in document["cases"] for frame in case["frames"][:-1]})
    image = Image(document["image"], machine, document["base"], document["size_of_image"], code, returns)
    return image, [_case(image, case) for case in document["cases"]]


def _case(image: Image, case: Mapping[str, Any]) -> Case:
    machine = image.machine
    registers = {name: value for name, value in case["regs"].items() if isinstance(value, int)}
    if machine is ARM64:
        registers["fp"] = registers.pop("x29")
    registers |= {machine.pc: case["pc"], machine.sp: case["sp"]}
    true = [(frame["ret"], frame["sp"]) for frame in case["frames"][:-1]]
    return Case(image, registers, case["stack_at"], base64.b64decode(case["stack"]), true)


def _merged(places: Sequence[int], block: int) -> Iterator[tuple[int, int]]:
    start = end = 0
    for place in sorted(places):
        if place > end:
            if start < end:
                yield start, end
            start = place
        end = place + block
    if start < end:
        yield start, end


def _mapped(file: bytes) -> bytes:
    header = int.from_bytes(file[0x3C:0x40], "little")
    sections, optional = (int.from_bytes(file[header + at : header + at + 2], "little") for at in (6, 20))
    size = int.from_bytes(file[header + 24 + 56 : header + 24 + 60], "little")
    memory = bytearray(size + _PAGE)
    for number in range(sections):
        entry = header + 24 + optional + 40 * number
        _, at, raw, offset = struct.unpack_from("<4I", file, entry + 8)
        memory[at : at + raw] = file[offset : offset + raw]
    return bytes(memory[:size])
