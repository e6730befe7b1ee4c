"""Big machines: opening, analysing and converting a whole machine in 1, 8 and 64 GB, and searching an image for one.

    python -m benchmarks big_machines

The machine is synthetic and the same each time, its pages lie spread over all of its memory. The files are sparse: what
is measured is the reader, not the disk. Each line is a process of its own, so that its peak of memory is its own. The
ratios compare with the same kind at 1 GB; the last column with the analysis of the machine's small dump.

Where kdmp-parser is installed it opens the dumps of 1 GB and translates the same addresses; it keeps each page's
address, so that its memory grows with the dump.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

from tests.physical_files import qemu_note
from tests.synth.big_machine import PAGE, BigMachine
from tests.synth.findable import findable
from tests.synth.stories import demo

import smalldump
from benchmarks.big import GB, bitmap_head, complete_head, elf_head, lime_head, peak, taken
from smalldump.errors import FormatError
from smalldump.intake import open_single
from smalldump.memory import MappedFile
from smalldump.memory.paging import VirtualSpace
from smalldump.sources.ram import RamSnapshot

__all__ = ["main", "measured", "searched", "translated", "translated_by_them"]

_SIZES = (1, 8, 64)
_PAGES = 1 << 9  # more than the machine has, with its page tables
_ROUNDS = 5
_SCANNED = 1 << 29
_COMPARED = ("complete", "bitmap")  # what kdmp-parser reads
_COLUMNS = (
    f"{'open ms':>8} {'analyse ms':>11} {'ratio':>6} {'write ms':>9} {'ratio':>6} {'pages read':>11} {'peak MB':>8}"
)


def main(_: Path) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = _small_dump(folder)
        print(f"{'machine':16}  {_COLUMNS}")
        for kind in _KINDS:
            _compare(folder, kind, small)
        _translations(folder)
        _search(folder)


def _small_dump(folder: Path) -> float:
    path = folder / "small.dmp"
    path.write_bytes(demo.builder().build().bytes)
    return min(taken(lambda: smalldump.analyze(path).to_json()) for _ in range(_ROUNDS))


def _compare(folder: Path, kind: str, small: float) -> None:
    base: dict[str, float] = {}
    for size in _SIZES:
        path = folder / f"{kind}.{size}"
        _write(path, kind, size * GB)
        found = _in_process("measured", path)
        base = base or found
        opened, analysed, written = (found[name] for name in ("open", "analyse", "write"))
        times = f"{opened * 1e3:8.2f} {analysed * 1e3:11.2f} {analysed / base['analyse']:6.1f} {written * 1e3:9.2f} "
        rest = f"{written / base['write']:6.1f} {found['pages']:11,.0f} {found['peak'] / 1024:8.1f}"
        print(f"{f'{kind}, {size} GB':16} {times}{rest} {analysed / small:9.1f}")
        path.unlink()


def _in_process(what: str, path: Path) -> dict[str, float]:
    code = f"import json; from benchmarks import big_machines as b; print(json.dumps(b.{what}({str(path)!r})))"
    answer: dict[str, float] = json.loads(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    )
    return answer


def measured(path: str) -> dict[str, float]:
    """Seconds to open, to analyse from path to JSON, to write a small dump; pages read; the peak of memory in KiB."""
    steps: dict[str, Callable[[], object]] = {
        "open": lambda: smalldump.open(path).close(),
        "analyse": lambda: smalldump.analyze(path).to_json(),
        "write": lambda: _converted(path),
    }
    times = {name: min(taken(step) for _ in range(_ROUNDS)) for name, step in steps.items()}
    highest, pages = peak(), set[int]()
    with _noted_reads(pages):
        smalldump.analyze(path).to_json()
        _converted(path)
    return {**times, "pages": len(pages), "peak": highest}


def _converted(path: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        smalldump.write(path, to=Path(folder) / "small.dmp")


@contextmanager
def _noted_reads(pages: set[int]) -> Iterator[None]:
    """While it lasts, the numbers of the pages of files that are read go into a set."""
    plain = MappedFile.read_some

    def noted(file: MappedFile, address: int, size: int) -> bytes:
        data = plain(file, address, size)
        pages.update(range(address // PAGE, (address + len(data) + PAGE - 1) // PAGE))
        return data

    with patch.object(MappedFile, "read_some", noted):
        yield


# --- the files


def _machine(size: int) -> BigMachine:
    return findable(demo.builder(), spread=(size - (16 << 20)) // _PAGES & -PAGE)


def _write(path: Path, kind: str, size: int) -> None:
    machine = _machine(size)
    head = _KINDS[kind](machine, size)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
        for address, page in machine.tables.memory.items():
            file.seek(len(head) + address)
            file.write(page)


def _complete(machine: BigMachine, size: int) -> bytes:
    return _with_facts(complete_head(size), machine, 1)


def _bitmap(machine: BigMachine, size: int) -> bytes:
    return _with_facts(bitmap_head(size, b"\xff"), machine, 5)


def _with_facts(head: bytes, machine: BigMachine, kind: int) -> bytes:
    # The runs of physical memory are the large file's, all else of the header is the machine's.
    facts = bytearray(findable(machine.facts).header(kind))
    facts[0x88:0x344] = head[0x88:0x344]
    return bytes(facts) + head[len(facts) :]


def _elf(machine: BigMachine, size: int) -> bytes:
    facts = machine.facts
    told = {"cr3": machine.tables.root, "rip": facts.kernel.base + 0x1234, "rsp": facts.stack.low}
    return elf_head(size, qemu_note(told) * facts.processors)


_KINDS: dict[str, Callable[[BigMachine, int], bytes]] = {
    "complete": _complete,
    "bitmap": _bitmap,
    "ELF core": _elf,
    "LiME": lambda _, size: lime_head(size),
    "raw": lambda *_: b"",
}


# --- kdmp-parser


def _translations(folder: Path) -> None:
    """Print how long a translation takes, beside kdmp-parser, of every page of the machine."""
    if not find_spec("kdmp_parser"):
        return
    print(f"\n{'translation':16} {'open ms':>8} {'ratio':>6} {'µs':>8} {'ratio':>6} {'addresses':>11} {'peak MB':>8}")
    for kind in _COMPARED:
        path = folder / f"{kind}.1"
        _write(path, kind, GB)
        ours, theirs = _in_process("translated", path), _in_process("translated_by_them", path)
        for name, found in ((kind, ours), ("  kdmp-parser", theirs)):
            print(f"{name:16} {found['open'] * 1e3:8.2f} {found['open'] / ours['open']:6.1f} ", end="")
            print(f"{found['translation'] * 1e6:8.2f} {found['translation'] / ours['translation']:6.1f} ", end="")
            print(f"{found['addresses']:11,.0f} {found['peak'] / 1024:8.1f}")
        path.unlink()


def _addresses() -> list[int]:
    return sorted(_machine(GB).virtual_pages)


def translated(path: str) -> dict[str, float]:
    """Seconds to open a dump and for one translation, how many addresses lead somewhere, the peak of memory in KiB."""
    addresses = _addresses()
    opened = min(taken(lambda: smalldump.open(path).close()) for _ in range(_ROUNDS))
    with smalldump.open(path) as machine:
        assert isinstance(machine.memory, VirtualSpace)
        return _translations_of(machine.memory.translate, addresses) | {"open": opened}


def translated_by_them(path: str) -> dict[str, float]:
    """The same with kdmp-parser."""
    addresses, parser = _addresses(), import_module("kdmp_parser").KernelDumpParser
    opened = min(taken(lambda: parser(Path(path))) for _ in range(_ROUNDS))
    return _translations_of(parser(Path(path)).translate_virtual, addresses) | {"open": opened}


def _translations_of(translate: Callable[[int], int | None], addresses: list[int]) -> dict[str, float]:
    found = [address for address in addresses if translate(address)]
    seconds = min(taken(lambda: [translate(address) for address in addresses]) for _ in range(_ROUNDS))
    return {"translation": seconds / len(addresses), "addresses": len(found), "peak": peak()}


# --- an image without anything that leads to the kernel


def _search(folder: Path) -> None:
    """Print how fast a raw image without holes and without CPU state is searched, when nothing is found."""
    path = folder / "raw"
    with path.open("wb") as file:
        for _ in range(_SCANNED >> 20):
            file.write(b"\x11" * (1 << 20))
    found = _in_process("searched", path)
    print(
        f"\na raw image of {_SCANNED >> 20:,} MiB without CPU state and without holes, searched for page tables: ",
        end="",
    )
    print(
        f"{_SCANNED / found['search'] / 1e9:.1f} GB/s, read alone {_SCANNED / found['read'] / 1e9:.1f} GB/s, ", end=""
    )
    print(f"peak {found['peak'] / 1024:.1f} MB")


def searched(path: str) -> dict[str, float]:
    """Seconds to search an image for a kernel that is not there, and to read it; the peak of memory in KiB."""
    with open_single(path) as source:
        times = {
            "search": min(taken(lambda: _searched(source.data)) for _ in range(3)),
            "read": min(taken(lambda: _read(MappedFile(source.data))) for _ in range(3)),
        }
        return {**times, "peak": peak()}


def _searched(data: memoryview) -> None:
    with suppress(FormatError):
        RamSnapshot(data)


def _read(file: MappedFile) -> None:
    for address in range(0, file.size, 1 << 20):
        file.read_some(address, 1 << 20)
