"""Big files: opening physical memory of 1, 8 and 64 GB and reading here and there, and looking through a raw image.

    python -m benchmarks big

The files are sparse: they take next to no room, and what is measured is the reader, not the disk. Each line is a
process of its own, so that its peak of memory is its own. The ratio compares with the same kind at 1 GB: 1.0 means
that size does not matter. Where kdmp-parser is installed it opens the dump of 1 GB and reads the same pages.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from smalldump.layout.big_dump import BitmapDump
from smalldump.layout.dump import FILL, DumpHeader64, MachineType, MemoryRun64, PhysicalMemoryDescriptor64
from smalldump.layout.elf import ElfHeader64, ProgramHeader64
from smalldump.layout.lime import LimeRange
from smalldump.memory import PAGE, PhysicalSpace
from smalldump.sources.physical import open_physical

__all__ = [
    "GB",
    "bitmap_head",
    "complete_head",
    "elf_head",
    "lime_head",
    "main",
    "measured",
    "peak",
    "taken",
]

GB = 1 << 30
_SIZES = (1, 8, 64)
_READS = 2000
_OPENED = 5
_WRITTEN = 512
_SCANNED = 256 << 20
_STEP = 1 << 20


def main(_: Path) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'file':24} {'open ms':>9} {'ratio':>6} {'µs/read':>9} {'ratio':>6} {'pages read':>11} {'peak MB':>8}")
        for name, make in _KINDS.items():
            _compare(Path(folder), name, make)
        _scan(Path(folder))


def _compare(folder: Path, name: str, make: Callable[[int], tuple[bytes, int]]) -> None:
    base: dict[str, float] = {}
    for size in _SIZES:
        path = folder / f"{name}.{size}"
        _write(path, *make(size * GB))
        found = _in_process("ours", path)
        base = base or found
        _print(f"{name}, {size} GB", found, base)
        if size == 1 and name in ("complete", "bitmap") and find_spec("kdmp_parser"):
            _print("  kdmp-parser", _in_process("theirs", path), base)
        path.unlink()


def _print(name: str, found: dict[str, float], base: dict[str, float]) -> None:
    opened, read = found["open"], found["read"]
    print(f"{name:24} {opened * 1e3:9.2f} {opened / base['open']:6.1f} {read * 1e6:9.1f} ", end="")
    print(f"{read / base['read']:6.1f} {found['pages']:11,.0f} {found['peak'] / 1024:8.1f}")


def _in_process(who: str, path: Path) -> dict[str, float]:
    code = f"import json; from benchmarks.big import measured; print(json.dumps(measured({who!r}, {str(path)!r})))"
    answer: dict[str, float] = json.loads(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    )
    return answer


def measured(who: str, path: str) -> dict[str, float]:
    """Seconds to open a file, seconds for one read of 8 bytes, pages read, and the peak of memory in KiB."""
    pages = int(path.rpartition(".")[2]) * GB // PAGE
    chance = random.Random(1)
    chosen = [chance.randrange(0x100, pages) for _ in range(_READS)]
    opener = _ours if who == "ours" else _theirs
    opened = min(taken(lambda: opener(path)) for _ in range(_OPENED))
    read, started = opener(path), time.perf_counter()
    found = sum(read(page * PAGE) for page in chosen)
    reading = time.perf_counter() - started
    return {"open": opened, "read": reading / _READS, "pages": found, "peak": peak()}


def taken(run: Callable[[], object]) -> float:
    """Seconds that something takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _ours(path: str) -> Callable[[int], bool]:
    space = open_physical(Path(path)).space
    return lambda address: space.word(address, 8) is not None


def _theirs(path: str) -> Callable[[int], bool]:
    dump = import_module("kdmp_parser").KernelDumpParser(Path(path))
    return lambda address: dump.read_physical_page(address) is not None


def peak() -> float:
    """The peak of this process's memory in KiB, its part of mapped files included."""
    # Not by getrusage: on Linux a process inherits the peak of the one that started it.
    status = Path("/proc/self/status")
    lines = status.read_text("ascii").splitlines() if status.exists() else []
    return next((float(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0.0)


def _write(path: Path, head: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
        for index in range(_WRITTEN):
            file.seek(len(head) + size * index // _WRITTEN)
            file.write(b"here")


def complete_head(size: int) -> bytes:
    """What lies before the pages of a complete dump of `size` bytes of memory."""
    runs = PhysicalMemoryDescriptor64.build(number_of_runs=1, number_of_pages=size // PAGE)
    runs += MemoryRun64.build(base_page=0, page_count=size // PAGE)
    return bytes(_header(1, bytes(runs)))


def _header(kind: int, runs: bytes = b"") -> bytearray:
    return DumpHeader64.build(
        FILL,
        signature=b"PAGE",
        valid_dump=b"DU64",
        major_version=15,
        machine_image_type=MachineType.X64,
        dump_type=kind,
        physical_memory_block=runs.ljust(700, b"\0"),
        context_record=b"\x1f\0\x10\0" * 750,
    )


def bitmap_head(size: int, byte: bytes = b"\x55") -> bytes:
    """The same of a bitmap dump, whose bitmap repeats one byte."""
    pages = size // PAGE
    first = DumpHeader64.SIZE + BitmapDump.SIZE + pages // 8
    head = BitmapDump.build(
        signature=b"FDMP",
        valid_dump=b"DUMP",
        first_page=first,
        total_present_pages=pages * byte[0].bit_count() // 8,
        pages=pages,
    )
    return bytes(_header(5) + head) + byte * (pages // 8)


def elf_head(size: int, notes: bytes = b"") -> bytes:
    """The same of an ELF core with the notes of its processors."""
    header = ElfHeader64.build(
        magic=b"\x7fELF", file_class=2, encoding=1, type=4, machine=62, phoff=64, phentsize=56, phnum=2
    )
    of_notes = ProgramHeader64.build(type=4, offset=176, filesz=len(notes), memsz=len(notes))
    memory = ProgramHeader64.build(type=1, offset=176 + len(notes), filesz=size, memsz=size)
    return bytes(header + of_notes + memory) + notes


def lime_head(size: int) -> bytes:
    """The same of a LiME image."""
    return bytes(LimeRange.build(magic=b"EMiL", version=1, s_addr=0, e_addr=size - 1))


_KINDS: dict[str, Callable[[int], tuple[bytes, int]]] = {
    "complete": lambda size: (complete_head(size), size),
    "bitmap": lambda size: (bitmap_head(size), size // 2),
    "ELF core": lambda size: (elf_head(size), size),
    "LiME": lambda size: (lime_head(size), size),
    "raw": lambda size: (b"", size),
}


def _scan(folder: Path) -> None:
    """Print how fast a raw image without holes is read, which the search for a kernel in one cannot beat."""
    path = folder / "raw"
    with path.open("wb") as file:
        for _ in range(_SCANNED // _STEP):
            file.write(b"\x11" * _STEP)
    with open_physical(path) as found:
        seconds = min(taken(lambda: _read_all(found.space)) for _ in range(3))
    print(f"\na raw image without holes, read in steps of 1 MiB: {_SCANNED / seconds / 1e9:.1f} GB/s")


def _read_all(space: PhysicalSpace) -> None:
    for address in range(0, _SCANNED, _STEP):
        space.read_some(address, _STEP)
