"""Dumps that QEMU writes: of a guest with Windows' memory in it, in each form that it knows, equal to the truth."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

import smalldump
from smalldump.errors import UnsupportedFormat
from smalldump.model import Absent, Snapshot
from smalldump.model.machine import ARM64, X64, X86
from smalldump.sources.physical import open_physical
from smalldump.sources.ram import RamSnapshot
from tests.physical_files import kdump
from tests.qemu import Guest, Refused
from tests.sources.test_physical import PACKERS
from tests.synth.imaged import imaged, raw

PAGE = 0x1000
ALWAYS = ("elf", "kdump-zlib")
FORMS = (*ALWAYS, "kdump-lzo", "kdump-snappy")
STORIES = ("x64", "x86")
FACTS = ("machine", "system", "build_lab", "bug_check", "process", "thread", "unloaded_modules", "stack", "dump")
NARROW = {"rip": 0x804D8234, "rsp": 0xF7A90C6C, "rax": 0x11223344, "cr2": 0x5000}
WIDE = {"rax": 0x1122334455667788, "cr2": 0x5000, "gs_base": 0xFFFFF80000005000, "kernel_gs_base": 0x7000}


def registers(story: str) -> dict[str, int]:
    machine = imaged(story)
    told = (
        NARROW if story == "x86" else WIDE | {"rip": machine.facts.kernel.base + 0x1234, "rsp": machine.facts.stack.low}
    )
    return told | {"cr3": machine.tables.root}


@pytest.fixture(scope="module", params=STORIES)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Guest]]:
    """A guest that was in Windows' kernel when it was stopped."""
    story: str = request.param
    with Guest(tmp_path_factory.mktemp(story), raw(imaged(story))) as guest:
        (guest.run_in_pae_mode if story == "x86" else guest.run_in_long_mode)(registers(story))
        yield story, guest


def dumped(guest: Guest) -> Iterator[Path]:
    """A dump in each form that this QEMU was built with; distributions leave out some packers."""
    offered = guest.forms()
    assert {*ALWAYS} <= {*offered}
    for form in FORMS:
        if form in offered:
            yield guest.dump(form)


@pytest.fixture(scope="module")
def truths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same machines as raw images, which no code of QEMU has touched."""
    folder = tmp_path_factory.mktemp("truth")
    for story in STORIES:
        (folder / f"{story}.raw").write_bytes(raw(imaged(story)))
    return {story: folder / f"{story}.raw" for story in STORIES}


def test_the_analysis_is_that_of_the_truth(running: tuple[str, Guest], truths: dict[str, Path]) -> None:
    story, guest = running
    for path in dumped(guest):
        same_analysis(path, truths[story], story)


def same_analysis(path: Path, true: Path, story: str) -> None:
    with smalldump.open(path) as found, smalldump.open(true) as truth:
        for fact in FACTS:
            assert comparable(found, fact) == comparable(truth, fact), fact
        assert [module.base for module in found.modules] == [driver.base for driver in imaged(story).facts.drivers]
    ours, theirs = (json.loads(smalldump.analyze(each).to_json()) for each in (path, true))
    for part in ("bug_check", "verdict", "stack", "dispatch", "modules", "process", "thread", "crash"):
        assert ours[part] == theirs[part], part


def comparable(machine: Snapshot, fact: str) -> object:
    value = getattr(machine, fact)
    if fact == "stack":
        return value if isinstance(value, Absent) else (value.start, bytes(value.data))
    return value._replace(physical_memory=None) if fact == "dump" else value  # QEMU adds its firmware's memory


def test_memory_and_processors(running: tuple[str, Guest]) -> None:
    story, guest = running
    memory = (guest.folder / "guest.ram").read_bytes()
    for path in dumped(guest):
        same_machine(path, memory, story)


def same_machine(path: Path, memory: bytes, story: str) -> None:
    told = registers(story)
    with open_physical(path) as found:
        assert (found.machine, found.troubles) == (X86 if story == "x86" else X64, ())
        for address in range(0, len(memory), PAGE):
            if not 0xA0000 <= address < 0x100000:  # the video memory and firmware of a PC lie there
                assert found.space.read(address, PAGE) == memory[address : address + PAGE]
        (cpu,) = found.cpus
        assert (cpu.cr0, cpu.cr2, cpu.cr3, cpu.cr4) == (0x80000011, 0x5000, told["cr3"], 0x20)
        assert (cpu.registers.pc, cpu.registers.sp) == (told["rip"], told["rsp"])
        assert cpu.registers.values["eax" if story == "x86" else "rax"] == told["rax"]
        if story == "x64":
            assert (cpu.gs_base, cpu.kernel_gs_base) == (told["gs_base"], told["kernel_gs_base"])


@pytest.mark.parametrize("story", STORIES)
def test_a_guest_that_was_reset_keeps_its_memory(tmp_path: Path, story: str) -> None:
    """Its processor tells nothing of Windows then, not even whether it has 32 or 64 bits."""
    with Guest(tmp_path, raw(imaged(story))) as guest:
        paths = list(dumped(guest))
    for path in paths:
        with smalldump.open(path) as found:
            assert isinstance(found, RamSnapshot)
            assert found.machine is (X86 if story == "x86" else X64)
            assert "a scan of memory" in found.discovery.translation.how
            assert len(found.modules) == len(imaged(story).facts.drivers)


def test_an_empty_guest_has_no_windows(tmp_path: Path) -> None:
    with Guest(tmp_path) as guest:
        for form in ALWAYS:
            with pytest.raises(UnsupportedFormat, match="no Windows in this"):
                smalldump.open(guest.dump(form))


def test_qemu_writes_no_dump_of_windows_without_its_driver(running: tuple[str, Guest]) -> None:
    _, guest = running
    with pytest.raises(Refused, match="vmcoreinfo"):
        guest.dump("win-dmp")


@pytest.mark.parametrize("flag", PACKERS)
def test_what_qemu_dumped_packed_in_another_way(running: tuple[str, Guest], flag: int, tmp_path: Path) -> None:
    """Of lzo, snappy and zstd QEMU writes what it was built with: its pages and notes, packed by us."""
    story, guest = running
    elf = guest.dump("elf").read_bytes()
    memory = (guest.folder / "guest.ram").read_bytes()
    pages = {at // PAGE: memory[at : at + PAGE] for at in range(0, len(memory), PAGE) if any(memory[at : at + PAGE])}
    path = tmp_path / "guest.kdump"
    path.write_bytes(kdump(pages, len(memory) // PAGE, notes_of(elf), status=flag, pack=PACKERS[flag]))
    with smalldump.open(path) as found:
        assert found.machine is (X86 if story == "x86" else X64)
        assert [module.base for module in found.modules] == [driver.base for driver in imaged(story).facts.drivers]


@pytest.mark.parametrize("form", ALWAYS)
def test_arm64(tmp_path: Path, form: str) -> None:
    """QEMU tells no translation table of ARM64, calls it `Unknown` in a kdump, and packs blocks of 64 KiB."""
    base, told = 0x40000000, {f"x{number}": number + 1 for number in range(31)} | {"sp": 0x12340000, "pc": 0x40001000}
    machine = imaged("arm64", base)
    with Guest(tmp_path, raw(machine, base), kind="aarch64") as guest:
        guest.run_on_arm64(told)
        path = guest.dump(form)
    with open_physical(path) as found:
        assert (found.machine, found.troubles) == (ARM64, ())
        assert found.space.read(base, 16 << 20) == (tmp_path / "guest.ram").read_bytes()
        assert found.space.read_some(base + 0x1F000, 0x2000) == found.space.read(base + 0x1F000, 0x2000)
        values = found.cpus[0].registers.values
        assert [values[name] for name in ("x0", "x28", "fp", "lr", "sp", "pc")] == [
            1,
            29,
            30,
            31,
            0x12340000,
            0x40001000,
        ]
    with smalldump.open(path) as snapshot:
        assert [module.base for module in snapshot.modules] == [driver.base for driver in machine.facts.drivers]
        assert snapshot.bug_check.code == machine.facts.bug_check[0]  # type: ignore[union-attr]
        assert snapshot.process.address == machine.facts.process.address  # type: ignore[union-attr]


def notes_of(elf: bytes) -> bytes:
    first = struct.unpack_from("<Q", elf, 0x20)[0]
    offset, size = struct.unpack_from("<Q", elf, first + 8)[0], struct.unpack_from("<Q", elf, first + 0x20)[0]
    return elf[offset : offset + size]
