"""The images that `frames.cpp` makes: by clang and lld, for each architecture, with each way of keeping frames.

They need no library and are the same bytes wherever the same compiler makes them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smalldump.model.symbols import FrameProgram

__all__ = ["TOOLS", "VARIANTS", "Variant", "build", "compiler", "frame_data"]

TOOLS = ("clang", "lld-link", "llvm-pdbutil")
_SOURCE = Path(__file__).with_name("frames.cpp")
_TARGETS = {"x86": "i686", "x64": "x86_64", "arm64": "aarch64"}
_COMPILE = [
    *("-c", "-g", "-gcodeview", "-std=c++17", "-ffreestanding", "-fno-builtin", "-fms-extensions"),
    *("-fms-compatibility", "-fno-stack-protector", "-fno-rtti", "-fno-ident", "-fdebug-compilation-dir=."),
    "-fcoverage-compilation-dir=.",
]
_LINK = [
    *("/nologo", "/dll", "/nodefaultlib", "/entry:entry", "/debug", "/brepro", "/pdbaltpath:%_PDB%"),
    *("/pdbsourcepath:.", "/opt:noref"),
]
_PLAIN = ("-fno-exceptions",)
_THROWING = ("-DEXCEPTIONS", "-fexceptions", "-fcxx-exceptions", "-frtti")
_RECORD = re.compile(
    r"(?P<rva>[0-9A-F]{8}) \| +(?P<size>\d+) \| +(?P<locals>\d+) \| +(?P<params>\d+) \| +\d+ \| +(?P<prolog>\d+) \| +"
    r"(?P<saved>\d+) \| +\w+ \| +\w+ \| +\w+ \| (?P<program>.*)"
)


@dataclass(frozen=True)
class Variant:
    """An architecture, and the compiler's options."""

    arch: str
    kind: str
    options: Sequence[str]

    @property
    def name(self) -> str:
        """`x86-omit`: what its files are called."""
        return f"{self.arch}-{self.kind}"


_KINDS: dict[str, Sequence[str]] = {
    "omit": ("-O2", "-fomit-frame-pointer", *_PLAIN),
    "keep": ("-O2", "-fno-omit-frame-pointer", *_PLAIN),
    "small": ("-Os", "-fomit-frame-pointer", *_PLAIN),
    "plain": ("-O0", *_PLAIN),
    "throw": ("-O2", "-fomit-frame-pointer", *_THROWING),
}
VARIANTS = tuple(Variant(arch, kind, options) for arch in _TARGETS for kind, options in _KINDS.items())
"""All images."""


def compiler() -> str | None:
    """The version of the compiler, or None where one of the tools is missing."""
    if not all(map(shutil.which, TOOLS)):
        return None
    said = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True).stdout
    return said.splitlines()[0]


def build(variant: Variant, folder: Path) -> tuple[Path, Path]:
    """Make an image and its PDB in `folder`."""
    name = variant.name
    source = folder / _SOURCE.name
    source.write_bytes(_SOURCE.read_bytes())
    target = f"--target={_TARGETS[variant.arch]}-pc-windows-msvc"
    x86 = variant.arch == "x86"
    tables, safe = ([], ["/safeseh:no"]) if x86 else (["-fasynchronous-unwind-tables"], [])
    _run(folder, "clang", target, *_COMPILE, *variant.options, *tables, source.name, "-o", f"{name}.obj")
    outputs = [f"/out:{name}.dll", f"/pdb:{name}.pdb", f"/implib:{name}.lib"]
    _run(folder, "lld-link", *_LINK, *safe, f"/machine:{variant.arch}", *outputs, f"{name}.obj")
    return folder / f"{name}.dll", folder / f"{name}.pdb"


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert not done.returncode, f"{' '.join(command)}\n{done.stderr}"


def frame_data(pdb: Path) -> list[FrameProgram]:
    """The FRAMEDATA records of a PDB, as llvm-pdbutil reads them, in order."""
    said = subprocess.run(["llvm-pdbutil", "dump", "--fpo", str(pdb)], capture_output=True, text=True, check=True)
    found = (_RECORD.fullmatch(line) for line in said.stdout.splitlines())
    return [_program(record) for record in found if record]


def _program(record: re.Match[str]) -> FrameProgram:
    size, local, params, saved, prolog = (int(record[name]) for name in ("size", "locals", "params", "saved", "prolog"))
    return FrameProgram(int(record["rva"], 16), size, local, params, saved, prolog, record["program"])
