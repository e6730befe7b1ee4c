"""Microsoft's engine and ours on the same dumps, with the same images: emulated code grafted into kernels."""

from __future__ import annotations

from pathlib import Path

import pytest

from smalldump.api import analyze, write
from tests.oracle.engine import engine
from tests.oracle.fixture import Oracle
from tests.oracle.reading import Reading
from tests.truth.grafting import Graft, graft
from tests.truth.oracle_cases import CaseFile, case_files

CASES = (3, 77, 150)
SIGNED = ("arm64-concrt140.dll", "arm64-vcruntime140.dll")
"""Images with pointer authentication, whose codes the engine (of 2017) misreads; ours takes them off."""
FILES: list[CaseFile | str] = [*case_files("x64"), *case_files("arm64")] or ["no samples"]


def dumped(folder: Path, file: CaseFile, found: Graft) -> tuple[Path, Path]:
    """The graft as a small dump, and a folder with its image."""
    images = folder / "images"
    images.mkdir()
    (images / file.image).write_bytes(file.data)
    dump = folder / "grafted.dmp"
    write(found.machine, to=dump, contributors=())
    return dump, images


@pytest.mark.parametrize("number", CASES)
@pytest.mark.parametrize("file", FILES, ids=str)
def test_both_find_the_true_callers(
    oracle: Oracle, samples: object, tmp_path: Path, file: CaseFile | str, number: int
) -> None:
    assert isinstance(file, CaseFile), "no oracle beside the samples"
    found = graft(file, file.cases[number])
    dump, images = dumped(tmp_path, file, found)
    truth = [returned for returned, _ in found.frames[:-1]]
    ours = [int(frame["pc"], 16) for frame in analyze(dump, images=[images])["stack"][1:]]
    assert ours[: len(truth)] == truth
    if file.name not in SIGNED:
        windows = str(images).replace("/", "\\")
        said = Reading(engine(dump, f".exepath Z:{windows}", ".reload", "kn 40")).frames
        assert [frame.return_address for frame in said][: len(truth)] == truth
