"""Stacks of known truth as stopped machines: what code was run in an emulator, cut down to what a small dump holds.

Dumps of Windows 10 and later hold 256 bytes from each stack value on that points into an image, and nothing else of it.
`tests.truth.oracle_cases` says where the cases and their images come from.
"""

from __future__ import annotations

import struct
import timeit
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from smalldump.model import Snapshot
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.sources.builder import SnapshotBuilder, driver
from smalldump.unwind import CallStack, FrameTrust, walk
from tests.truth.oracle_cases import Case, CaseFile

__all__ = ["BLOCK", "MACHINES", "VARIANTS", "Rates", "Stack", "Tally", "tallies", "tally"]

BLOCK = 256
MACHINES: Mapping[str, Machine] = {"x64": X64, "x86": X86, "arm64": ARM64}


@dataclass(frozen=True)
class Stack:
    """The stack of a case, with the image that ran there."""

    file: CaseFile
    case: Case

    @property
    def kind(self) -> Machine:
        """The machine that it is of."""
        return MACHINES[self.file.arch]

    @cached_property
    def true(self) -> Sequence[tuple[int, int]]:
        """Program counter and stack pointer after each return, up to where the emulator began."""
        return [(frame.ret, frame.sp) for frame in self.case.frames[:-1]]

    @property
    def words(self) -> Sequence[int]:
        """The stack's words."""
        size, stack = self.kind.pointer, self.case.stack
        return struct.unpack_from(f"<{len(stack) // size}{'Q' if size == 8 else 'I'}", stack)

    def machine(
        self, block: int = BLOCK, *, pc: bool = True, stale: Random | None = None, share: float = 0.1
    ) -> Snapshot:
        """The stopped machine.

        Args:
            block: Bytes of code from each stack value on; 0: none.
            pc: Whether there are as many from the program counter on.
            stale: Puts old return addresses into this `share` of the words that are 0.
        """
        file, size, words = self.file, self.kind.pointer, list(self.words)
        if stale is not None:
            words = [stale.choice(file.returns) if not word and stale.random() < share else word for word in words]
        stack = struct.pack(f"<{len(words)}{'Q' if size == 8 else 'I'}", *words)
        pointers = (*words, self.case.pc) if pc else words
        places = [word for word in pointers if file.base <= word < file.base + file.size] if block else []
        return SnapshotBuilder(
            machine=self.kind,
            registers={name: value for name, value in self.case.registers.items() if not name.startswith("xmm")},
            modules=[driver(file.image, file.base, file.size)],
            stack=(self.case.stack_at, stack),
            memory={start: file.pe.read_some(start - file.base, end - start) for start, end in _merged(places, block)},
        ).build()


SEED = 20261126
"""Fixed before anything was measured."""
VARIANTS: Mapping[str, Callable[[Stack, Random], Snapshot]] = {
    "code": lambda stack, _: stack.machine(),
    "stale": lambda stack, random: stack.machine(stale=random),
    "no code": lambda stack, _: stack.machine(block=0),
}
"""What a dump holds: code behind each stack value; the same and old return addresses in a tenth of the zero words; the
stack alone."""


class Rates:
    """How much of the truth was found, and how much of what was found is true."""

    true: int
    found: int
    right: int

    @property
    def recall(self) -> float:
        """The part of the truth that was found."""
        return self.right / self.true if self.true else 1.0

    @property
    def precision(self) -> float:
        """The part of what was found that is true."""
        return self.right / self.found if self.found else 1.0


@dataclass(frozen=True)
class Tally(Rates):
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


def tallies(files: Sequence[CaseFile]) -> Iterator[Tally]:
    """All images in all variants."""
    return (tally(file, variant) for file in files for variant in VARIANTS)


def tally(file: CaseFile, variant: str) -> Tally:
    """Walk all stacks of an image, as the variant of that name holds them."""
    random, counts, seconds = Random(SEED), Counter[str](), 0.0
    for stack in (Stack(file, case) for case in file.cases):
        machine = VARIANTS[variant](stack, random)
        begun = timeit.default_timer()
        found = walk(machine).crash
        seconds += timeit.default_timer() - begun
        counts.update(_compared(stack, found))
    figures = {name: counts[name] for name in ("true", "found", "right", "proved", "wrong")}
    return Tally(file.name, variant, seconds=seconds / max(len(file.cases), 1), **figures)


# The stack pointer of an ARM64 frame cannot be told from the stack; there return addresses are compared alone.
def _compared(stack: Stack, walked: CallStack) -> dict[str, int]:
    with_sp = stack.kind is not ARM64
    true = Counter((pc, sp if with_sp else 0) for pc, sp in stack.true)
    found = [((frame.pc, frame.sp if with_sp else 0), frame.trust) for frame in walked.frames[1:]]
    right = true & Counter(place for place, _ in found)
    proved = [place for place, trust in found if trust is FrameTrust.CALL_PROVED]
    return {
        "true": len(stack.true),
        "found": len(found),
        "right": right.total(),
        "proved": len(proved),
        "wrong": sum(place not in true for place in proved),
    }


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
