"""Unwinding by images against true stacks: every frame's return address, stack pointer and preserved registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from smalldump.unwind import arm64_unwind, x64_unwind
from smalldump.unwind.unwound import NotUnwound, UnwindKind, Unwound
from tests.truth.oracle_cases import Case, CaseFile, OracleFrame, case_files

Unwinder = Callable[..., Unwound | NotUnwound]
WANTED = 0.999


def _files(arch: str) -> list[CaseFile | str]:
    return [*case_files(arch)] or ["no samples"]


@pytest.fixture
def cases(request: pytest.FixtureRequest, samples: object) -> CaseFile:
    assert isinstance(request.param, CaseFile), "no oracle beside the samples"
    return request.param


def unwound(step: Unwinder, file: CaseFile, case: Case) -> Iterator[tuple[OracleFrame, Unwound | NotUnwound]]:
    """A whole walk: each step starts from what the one before gave, up to the first failure."""
    registers, exact = case.registers, True
    for frame in case.frames:
        found = step(file.pe, file.base, case.memory, registers, exact_pc=exact)
        yield frame, found
        if isinstance(found, NotUnwound):
            return
        registers, exact = found.registers, found.kind is not UnwindKind.CALL


def right(found: Unwound | NotUnwound, frame: OracleFrame, pc: str, sp: str) -> bool:
    wanted = {pc: frame.ret, sp: frame.sp, **frame.saved}
    return not isinstance(found, NotUnwound) and wanted.items() <= found.registers.items()


def share(step: Unwinder, file: CaseFile, pc: str, sp: str) -> float:
    results = [right(found, frame, pc, sp) for case in file.cases for frame, found in unwound(step, file, case)]
    frames = sum(len(case.frames) for case in file.cases)
    assert frames >= 800
    return sum(results) / frames


x64_share = partial(share, x64_unwind.unwind, pc="rip", sp="rsp")
arm64_share = partial(share, arm64_unwind.unwind, pc="pc", sp="sp")


@pytest.mark.parametrize("cases", _files("x64"), ids=lambda file: getattr(file, "name", file), indirect=True)
def test_x64(cases: CaseFile) -> None:
    assert x64_share(cases) >= WANTED


@pytest.mark.parametrize("cases", _files("arm64"), ids=lambda file: getattr(file, "name", file), indirect=True)
def test_arm64(cases: CaseFile) -> None:
    assert arm64_share(cases) >= WANTED


@pytest.mark.parametrize("cases", _files("x64"), ids=lambda file: getattr(file, "name", file), indirect=True)
def test_sizes_of_x64_frames_are_those_of_true_frames(cases: CaseFile) -> None:
    """From a return address on, the next return address lies where `frame_size` says, wherever it says something."""
    told = wrong = 0
    for case in cases.cases:
        for inner, outer in zip(case.frames, case.frames[1:], strict=False):
            size = x64_unwind.frame_size(cases.pe, inner.ret - cases.base)
            told += size is not None
            wrong += size is not None and inner.sp + size + 8 != outer.sp
    assert told >= 300
    assert wrong == 0


@pytest.mark.parametrize("cases", _files("arm64"), ids=lambda file: getattr(file, "name", file), indirect=True)
def test_sizes_of_arm64_frames_are_those_of_true_frames(cases: CaseFile) -> None:
    """The slot that `frame_size` tells holds the return address, perhaps signed."""
    wrong = 0
    for case in cases.cases:
        for inner, outer in zip(case.frames, case.frames[1:], strict=False):
            size = arm64_unwind.frame_size(cases.pe, inner.ret - cases.base)
            slot = None if size is None else case.memory.word(inner.sp + size, 8)
            wrong += slot is not None and arm64_unwind.stripped(slot) != outer.ret
    assert wrong == 0
