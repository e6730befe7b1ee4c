"""PDBs to read: out of public wheels, pinned by version and SHA-256, and built here with clang and lld-link.

They are kept outside the repository: in `SMALLDUMP_PDB_HOME`, else in a folder in the user's cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

__all__ = ["SetUpFailed", "Wheel", "built_pdbs", "default_home", "wheel_pdbs"]

SOURCE = Path(__file__).with_name("shapes.cpp")
TOOLS = {"clang": "clang", "lld-link": "lld", "llvm-pdbutil": "llvm", "llvm-symbolizer": "llvm"}
"""What the system must have, and the Debian package that brings it."""
_TARGETS = {
    "x86": ("i686", []),
    "x86-frame-pointers": ("i686", ["-fno-omit-frame-pointer"]),
    "x86-unoptimised": ("i686", ["-O0"]),
    "x64": ("x86_64", []),
    "arm64": ("aarch64", []),
}
_FREESTANDING = ["-std=c++17", "-ffreestanding", "-fno-exceptions", "-fno-rtti", "-Wno-everything"]
_SECONDS = 180


class SetUpFailed(Exception):
    """The PDBs cannot be had on this machine; the message says why."""


class Wheel(NamedTuple):
    """A public wheel that ships PDBs with their images (MIT licence)."""

    requirement: str
    sha256: str


WHEELS = (
    Wheel("debugpy==1.8.0", "a64093656c4c64dc6a438e11d59369875d200bd5abb8f9b26c1f5f723622e153"),
    Wheel("ptvsd==4.3.2", "459137736068bb02515040b2ed2738169cb30d69a38e0fd5dffcba255f41e68d"),
)
"""Visual C++ 14.35 with the static runtime's private symbols, and 14.16; x86 and x64."""


def default_home() -> Path:
    """The folder for all that is fetched or made."""
    chosen = os.environ.get("SMALLDUMP_PDB_HOME")
    cache_folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(cache_folder) / "smalldump-pdbs"


@cache
def wheel_pdbs() -> tuple[Path, ...]:
    """The PDBs of all wheels, each with its image beside it.

    Raises:
        SetUpFailed: A wheel cannot be fetched, or is not the pinned one.
    """
    return tuple(path for wheel in WHEELS for path in sorted(_unpacked(wheel).glob("*.pdb")))


def _unpacked(wheel: Wheel) -> Path:
    folder = default_home() / wheel.sha256[:16]
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / "pdbs"
            made.mkdir()
            _unpack(_fetched(wheel, Path(scratch)), made)
            try:
                made.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was faster
                    raise
    return folder


def _fetched(wheel: Wheel, scratch: Path) -> Path:
    choice = ["--no-deps", "--only-binary=:all:", "--platform", "win_amd64", "--python-version", "311"]
    run([sys.executable, "-m", "pip", "download", "--quiet", *choice, "--dest", str(scratch), wheel.requirement])
    (path,) = scratch.glob("*.whl")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wheel.sha256:
        raise SetUpFailed(f"{path.name} has the SHA-256 {found}, not {wheel.sha256}")
    return path


def _unpack(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        pdbs = [name for name in names if name.endswith(".pdb")]
        stems = {Path(name).stem for name in pdbs}
        for name in names:
            path = Path(name)
            if name in pdbs or (path.stem in stems and path.suffix in (".dll", ".exe")):
                (target / path.name).write_bytes(archive.read(name))


@cache
def built_pdbs() -> tuple[Path, ...]:
    """PDBs of a small program without runtime, for each architecture.

    Raises:
        SetUpFailed: A tool is missing or did not work.
    """
    for program, package in TOOLS.items():
        if not shutil.which(program):
            raise SetUpFailed(f"{program} is not installed (Debian package {package})")
    recipe = hashlib.sha256(SOURCE.read_bytes() + repr((_TARGETS, _FREESTANDING)).encode()).hexdigest()[:16]
    folder = default_home() / f"built-{recipe}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / "pdbs"
            made.mkdir()
            for name, (target, options) in _TARGETS.items():
                _build(made, name, target, options)
            try:
                made.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
    return tuple(sorted(folder.glob("*.pdb")))


def _build(folder: Path, name: str, target: str, options: list[str]) -> None:
    compiler = ["clang", f"--target={target}-pc-windows-msvc", "-g", "-gcodeview", "-O2", *options, *_FREESTANDING]
    run([*compiler, "-c", str(SOURCE), "-o", str(folder / f"{name}.obj")])
    linker = ["lld-link", "/nologo", "/debug", "/nodefaultlib", "/entry:start", "/subsystem:native"]
    # A relative name in the image, so that tools find the PDB beside it, wherever the folder is.
    run([*linker, f"/out:{name}.exe", f"/pdb:{name}.pdb", "/pdbaltpath:%_PDB%", f"{name}.obj"], folder)


def run(command: Sequence[str], folder: Path | None = None, given: str = "") -> str:
    """What a program prints.

    Raises:
        SetUpFailed: It did not work.
    """
    try:
        done = subprocess.run(
            command, cwd=folder, input=given, capture_output=True, timeout=_SECONDS, check=True, text=True
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or "").strip().splitlines()
        raise SetUpFailed(f"{command[0]}: {said[-1] if said else error}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise SetUpFailed(f"{command[0]}: {error}") from error
    return done.stdout
