"""How fast callers are found by the unwind data of images.

    python -m benchmarks.unwinding

Whole walks over true stacks of emulated code (see tests/truth/oracle_cases.py), with warm images; beside each table
row the same number of frames is taken as that many 64-byte pieces of stack, each read as eight words and hashed with
SHA-256. Read the ratios, not the numbers.
"""

from __future__ import annotations

import hashlib
import statistics
import struct
import time
from collections.abc import Callable

from tests.truth.oracle_cases import Case, CaseFile, case_files

from smalldump.unwind import arm64_unwind, x64_unwind
from smalldump.unwind.unwound import NotUnwound, UnwindKind, Unwound

__all__ = ["main"]

_ROUNDS = 7
_PIECE = struct.Struct("<8Q")
_UNWINDERS = {"x64": x64_unwind.unwind, "arm64": arm64_unwind.unwind}
Unwinder = Callable[..., Unwound | NotUnwound]


def main() -> None:
    """Print the table."""
    print(f"{'image':34} {'frames':>7} {'frames/s':>9} {'pieces/s':>9} {'ratio':>6}")
    ratios = []
    for arch, step in _UNWINDERS.items():
        for file in case_files(arch):
            frames = _walk_all(step, file)  # which warms the image
            taken = _best(lambda step=step, file=file: _walk_all(step, file))  # type: ignore[misc]
            reference = _best(lambda file=file, frames=frames: _read_pieces(file, frames))  # type: ignore[misc]
            ratios.append(taken / reference)
            print(f"{file.name:34} {frames:7,} {frames / taken:9,.0f} {frames / reference:9,.0f} {ratios[-1]:6.1f}")
    if ratios:
        print(f"\nmedian: a frame takes as long as {statistics.median(ratios):.1f} pieces")


def _walk_all(step: Unwinder, file: CaseFile) -> int:
    return sum(_walk(step, file, case) for case in file.cases)


def _walk(step: Unwinder, file: CaseFile, case: Case) -> int:
    registers, exact, frames = case.registers, True, 0
    for _ in case.frames:
        found = step(file.pe, file.base, case.memory, registers, exact_pc=exact)
        if isinstance(found, NotUnwound):
            return frames
        registers, exact, frames = found.registers, found.kind is not UnwindKind.CALL, frames + 1
    return frames


def _read_pieces(file: CaseFile, count: int) -> int:
    total, case = 0, file.cases[0]
    for number in range(count):
        data = case.memory.read_some(case.stack_at + number % 8, _PIECE.size)
        total += len(_PIECE.unpack(data)) + len(hashlib.sha256(data).digest())
    return total


def _best(run: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        begun = time.process_time()
        run()
        times.append(time.process_time() - begun)
    return min(times)


if __name__ == "__main__":
    main()
