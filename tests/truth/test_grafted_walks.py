"""Whole walks over emulated code that was grafted into kernels: every frame against the truth.

The outermost true frame lies in no module (the code was called from outside of all), so no walk goes there.
"""

from __future__ import annotations

import pytest

from smalldump.images import PeImage
from smalldump.model import Module
from smalldump.model.symbols import ModuleFiles, SymbolTable
from smalldump.unwind import FrameTrust, Stacks, walk
from tests.truth.grafting import Graft, graft
from tests.truth.oracle_cases import CaseFile, case_files

CASES = 40
STACK_SWITCHES = "x64-_greenlet"
"""It changes stacks on purpose, which no unwind information describes."""
EXACT: list[CaseFile | str] = [*case_files("x64"), *case_files("arm64")] or ["no samples"]
INFERRED: list[CaseFile | str] = [*case_files("x86")] or ["no samples"]


class OneImage:
    """The image of the graft, and no other."""

    def __init__(self, module: Module, pe: PeImage) -> None:
        self.module, self.pe = module, pe

    def image(self, module: Module, /) -> PeImage | None:
        return self.pe if module == self.module else None

    def symbols(self, _: Module, /) -> SymbolTable | None:
        return None

    def files(self, _: Module, /) -> ModuleFiles | None:
        return None


def walked(file: CaseFile, found: Graft) -> Stacks:
    return walk(found.machine, OneImage(found.module, file.pe))


@pytest.mark.parametrize("file", EXACT, ids=str)
def test_every_frame_in_the_image_is_exact(samples: object, file: CaseFile | str) -> None:
    assert isinstance(file, CaseFile), "no oracle beside the samples"
    for case in file.cases[:CASES]:
        found = graft(file, case)
        frames = walked(file, found).crash.frames[1:]
        right = [(frame.pc, frame.sp) for frame in frames if frame.trust is FrameTrust.UNWIND_INFO]
        assert right == list(found.frames[: len(right)])
        if not file.name.startswith(STACK_SWITCHES):
            assert len(right) == len(found.frames) - 1


@pytest.mark.parametrize("file", INFERRED, ids=str)
def test_x86_without_symbols_is_never_called_exact(samples: object, file: CaseFile | str) -> None:
    """No PDB says how these functions keep their frames: what is found is worth what its trust says."""
    assert isinstance(file, CaseFile), "no oracle beside the samples"
    true = right = 0
    for case in file.cases[:CASES]:
        found = graft(file, case)
        frames = walked(file, found).crash.frames[1:]
        assert not [frame for frame in frames if frame.trust is FrameTrust.UNWIND_INFO]
        true += len(found.frames) - 1
        right += len({(frame.pc, frame.sp) for frame in frames} & {*found.frames})
    assert right >= 0.6 * true
