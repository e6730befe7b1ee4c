"""True call stacks of real code: images that ran in an emulator, whose shadow stack says what the callers are.

The cases lie beside the samples, in `../oracle/cases`. The images that they come from are in public wheels; what is
missing is fetched with the `fetch_images.py` that lies there, into the folder that `SMALLDUMP_ORACLE_IMAGES` names or
one in the user's cache. Neither cases nor images ever enter the repository.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest

from smalldump.images import PeImage
from smalldump.memory import BytesSpace

__all__ = ["Case", "CaseFile", "OracleFrame", "case_files", "image_folder", "required_image"]

_SECONDS = 900
_POINTERS = {"arm64": ("pc", "sp"), "x64": ("rip", "rsp"), "x86": ("eip", "esp")}


@dataclass(frozen=True)
class OracleFrame:
    """A caller, as it was when it made its call.

    Attributes:
        ret: Where the callee returns to, in the caller.
        sp: The caller's stack pointer behind the call, before it takes away what a stdcall callee would.
        saved: Registers that a callee must preserve, by WinDbg's name; vector registers have 128 bits.
    """

    ret: int
    sp: int
    saved: Mapping[str, int]


@dataclass(frozen=True)
class Case:
    """An innermost state and its true callers.

    Attributes:
        pc, sp: Where the code was interrupted.
        registers: All registers by WinDbg's name, with program counter and stack pointer.
        stack_at, stack: Address of the saved piece of stack, and its bytes.
        frames: The callers, innermost first; the last one lies outside of the image.
    """

    pc: int
    sp: int
    registers: Mapping[str, int]
    stack_at: int
    stack: bytes
    frames: tuple[OracleFrame, ...]

    @cached_property
    def memory(self) -> BytesSpace:
        """The stack alone; the image is not in it."""
        return BytesSpace({self.stack_at: self.stack})


@dataclass(frozen=True)
class CaseFile:
    """All cases of one image.

    Attributes:
        name: As in the index: `x64-geos.dll`.
        arch: `x64`, `x86` or `arm64`.
        image: File name of the image.
        sha256: Of the image.
        base, size: Where it was loaded, and its bytes in memory.
        sentinel: What the outermost frame returns to.
    """

    name: str
    arch: str
    image: str
    sha256: str
    base: int
    size: int
    sentinel: int
    cases: tuple[Case, ...]

    def __str__(self) -> str:
        return self.name

    @cached_property
    def returns(self) -> list[int]:
        """All return addresses into the image that the cases know, ascending."""
        return sorted({frame.ret for case in self.cases for frame in case.frames[:-1]})

    @cached_property
    def data(self) -> bytes:
        """The image's file; where it cannot be had, the test is skipped, or fails if `SMALLDUMP_CI` is set."""
        return required_image(self.arch, self.image, self.sha256)

    @cached_property
    def pe(self) -> PeImage:
        """The image."""
        return PeImage.from_file(memoryview(self.data))


def case_files(arch: str, samples: Path | None = None) -> list[CaseFile]:
    """The case files of an architecture, in order of name; none where there are no samples."""
    folder = os.environ.get("SMALLDUMP_SAMPLES") if samples is None else samples
    paths = sorted((Path(folder).parent / "oracle" / "cases").glob(f"{arch}-*.json.gz")) if folder else []
    return [_read(path) for path in paths]


@cache
def _read(path: Path) -> CaseFile:
    with gzip.open(path, "rt") as file:
        found = json.load(file)
    arch, name = found["arch"], path.name.removesuffix(".json.gz")
    cases = tuple(_case(arch, case) for case in found["cases"])
    base, size = found["base"], found["size_of_image"]
    return CaseFile(name, arch, found["image"], found["sha256"], base, size, found["sentinel"], cases)


def _case(arch: str, case: Mapping[str, Any]) -> Case:
    pc, sp = _POINTERS[arch]
    registers = {pc: case["pc"], sp: case["sp"]} | _registers(arch, case["regs"])
    frames = tuple(
        OracleFrame(frame["ret"], frame["sp"], _registers(arch, frame["nv"] | frame.get("xmm", {})))
        for frame in case["frames"]
    )
    return Case(case["pc"], case["sp"], registers, case["stack_at"], base64.b64decode(case["stack"]), frames)


def _registers(arch: str, values: Mapping[str, int | str]) -> dict[str, int]:
    names = {"x29": "fp", "x30": "lr"} if arch == "arm64" else {}
    return {
        names.get(name, name): int(value, 16) if isinstance(value, str) else value for name, value in values.items()
    }


def image_folder() -> Path:
    """The folder for images: `SMALLDUMP_ORACLE_IMAGES`, else one in the user's cache."""
    chosen = os.environ.get("SMALLDUMP_ORACLE_IMAGES")
    cached = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(cached) / "smalldump-oracle-images"


def required_image(arch: str, image: str, sha256: str) -> bytes:
    """The bytes of an image, by its SHA-256; skips or fails where it cannot be had."""
    path = image_folder() / f"{arch}-{image}"
    for _ in range(2):
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            return path.read_bytes()
        _fetch()
    why = f"{path.name} cannot be fetched into {path.parent}"
    if os.environ.get("SMALLDUMP_CI"):
        pytest.fail(why)
    pytest.skip(why)


@cache
def _fetch() -> None:
    samples = os.environ.get("SMALLDUMP_SAMPLES")
    if samples:
        oracle = Path(samples).parent / "oracle"
        command = [sys.executable, str(oracle / "fetch_images.py"), str(oracle / "index.csv"), str(image_folder())]
        subprocess.run(command, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL, capture_output=True)
