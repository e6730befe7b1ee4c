"""Images with damage, real and invented: an answer or an error of ours, in bounded time."""

from __future__ import annotations

import random
import time
from contextlib import suppress

import pytest

from smalldump.errors import SmallDumpError
from smalldump.images import PeImage
from smalldump.memory import BytesSpace
from smalldump.unwind import arm64_unwind, x64_unwind
from smalldump.unwind.unwound import NotUnwound, Unwound
from tests.truth.oracle_cases import CaseFile, case_files

SECONDS = 4.0
"""For each image."""
MOST = 20.0
"""Seconds that one damaged image may take; whole ones take a few milliseconds."""
STACK = 0x7000_0000
_UNWINDERS = {"x64": (x64_unwind, "rip", "rsp", "rbp"), "arm64": (arm64_unwind, "pc", "sp", "fp")}
_FILES = [*case_files("x64")[-1:], *case_files("arm64")[-1:], *case_files("x86")[-1:]]


@pytest.fixture
def whole(request: pytest.FixtureRequest, samples: object) -> CaseFile:
    assert isinstance(request.param, CaseFile), "no oracle beside the samples"
    return request.param


def damaged(data: bytes, headers: int, chance: random.Random) -> bytearray:
    """The image with some words overwritten, half of them in its headers and tables; sometimes cut."""
    out = bytearray(data)
    for _ in range(chance.randrange(1, 12)):
        at = chance.randrange(headers if chance.random() < 0.5 else len(out))
        word = chance.choice(
            [b"\xff\xff\xff\xff", bytes(4), chance.randbytes(4), chance.randbytes(1), b"\xff\xff\xff\x7f"]
        )
        out[at : at + len(word)] = word
    return out[: chance.randrange(len(out))] if chance.random() < 0.1 else out


def exercise(data: bytearray, arch: str, chance: random.Random) -> None:
    """Ask for everything that is asked of images."""
    image = PeImage.from_file(memoryview(bytes(data)))
    assert len(image.exports) <= 0x10000
    assert image.codeview is None or len(image.codeview.name) <= 5000
    image.nearest_export(0x1234)
    if arch not in _UNWINDERS:
        return
    module, pc, sp, fp = _UNWINDERS[arch]
    memory = BytesSpace({STACK: chance.randbytes(0x1000)})
    for _ in range(40):
        rva = chance.randrange(0x40000)
        registers = {pc: 0x1000_0000 + rva, sp: STACK + 0x100, fp: STACK + 0x200, "lr": 0x1000_1000}
        found = module.unwind(image, 0x1000_0000, memory, registers, exact_pc=chance.random() < 0.5)
        assert isinstance(found, Unwound | NotUnwound)
        size = module.frame_size(image, rva)
        assert size is None or size >= 0


@pytest.mark.parametrize("whole", _FILES or ["no samples"], ids=lambda file: getattr(file, "name", file), indirect=True)
def test_damaged_images(whole: CaseFile) -> None:
    chance, end, rounds = random.Random(4), time.monotonic() + SECONDS, 0
    slowest = 0.0
    while time.monotonic() < end:
        begun = time.process_time()
        with suppress(SmallDumpError):
            exercise(damaged(whole.data, 0x400, chance), whole.arch, chance)
        slowest = max(slowest, time.process_time() - begun)
        rounds += 1
    assert rounds >= 5
    assert slowest < MOST
