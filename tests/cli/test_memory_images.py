"""Memory images on the command line: machines in two files, pipes, and what opening them has cost."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import smalldump
from smalldump.intake import open_single
from tests.cli.conftest import Run, command, environment
from tests.cli.test_console import on_terminal, posix_only
from tests.physical_files import flattened, kdump, lime_image, qemu_note, vmware_state
from tests.synth.imaged import imaged, pages, raw

MACHINE = imaged("x64")
CODE, PARAMETERS = MACHINE.facts.bug_check[0], MACHINE.facts.bug_check[1:]


@contextmanager
def fed(pipe: Path, data: bytes, pause: float = 0.0) -> Iterator[Path]:
    """A named pipe into which somebody writes, with a pause before each of eight pieces."""

    def feed() -> None:
        with pipe.open("wb", buffering=0) as out:
            step = len(data) // 8 + 1
            for start in range(0, len(data), step):
                time.sleep(pause)
                out.write(data[start : start + step])

    os.mkfifo(pipe)
    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    yield pipe
    feeder.join(30)
    assert not feeder.is_alive()


# --- VMware: memory and state side by side


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    """A .vmem, the .vmss beside it; above 8 MiB the machine's memory has a hole that the .vmem has not."""
    memory, hole = raw(MACHINE), 8 << 20
    first, second = memory[:hole], memory[hole:]
    frames = hole >> 12
    regions = [(0, 0, frames), (frames, frames + 16, len(second) >> 12)]
    cpu = {
        "rip": MACHINE.facts.kernel.base + 0x1234,
        "rsp": 0x1000,
        "cr3": MACHINE.tables.root,
        "idt": 0xFFFFF80000001000,
    }
    (tmp_path / "guest.vmss").write_bytes(vmware_state(regions, [cpu]))
    path = tmp_path / "guest.vmem"
    path.write_bytes(first + bytes(16 << 12) + second)
    return path


@pytest.mark.parametrize(
    ("named", "other"), [("guest.vmem", "state out of guest.vmss"), ("guest.vmss", "memory out of guest.vmem")]
)
def test_vmware_by_either_file(run: Run, guest: Path, named: str, other: str) -> None:
    code, out, err = run("analyze", guest.with_name(named))
    assert (code, err) == (0, "")
    assert out.startswith(f"{named}: VMware memory, {other}, x64, ")
    report = json.loads(run("show", guest.with_name(named), "--format", "json", "bugcheck").out)
    assert int(report["bug_check"]["code"], 16) == CODE
    assert run("check", guest.with_name(named)).out == f"{guest.with_name(named)}: whole\n"


def test_vmware_with_loud_names(guest: Path) -> None:
    for name in ("guest.vmem", "guest.vmss"):
        guest.with_name(name).rename(guest.with_name(name.upper()))
    with smalldump.open(guest.with_name("GUEST.VMEM")) as machine:
        assert machine.kind == "VMware memory, state out of GUEST.VMSS"


def test_vmware_for_programs(guest: Path, tmp_path: Path) -> None:
    with smalldump.open(guest) as machine:
        assert machine.kind == "VMware memory, state out of guest.vmss"
        assert len(machine.modules) == len(MACHINE.facts.drivers)
    saved = smalldump.write(guest, to=tmp_path / "small.dmp")
    with smalldump.open(saved.path) as small:
        assert len(small.modules) == len(MACHINE.facts.drivers)


def test_vmware_memory_alone_is_said_to_be(run: Run, guest: Path) -> None:
    guest.with_name("guest.vmss").unlink()
    code, out, _ = run("check", guest)
    assert code == 3  # this memory has a hole that nothing tells of now: there is no kernel to be found
    assert "no Windows in this VMware memory" in out


def test_vmware_packed_with_its_state_beside_it(run: Run, guest: Path) -> None:
    packed = guest.with_name("guest.vmem.gz")
    packed.write_bytes(gzip.compress(guest.read_bytes(), 1))
    guest.unlink()
    code, out, err = run("analyze", packed)
    assert code == 0
    assert "VMware memory, state out of guest.vmss" in out.partition("\n")[0]
    assert "unpacked from gzip" in err


# --- what opening has cost


@pytest.mark.parametrize("arguments", [["analyze"], ["check"], ["show", "bugcheck"], ["write", "--plan"]])
def test_what_unpacking_has_cost_is_told_by_all(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    path = tmp_path / "guest.lime.gz"
    path.write_bytes(gzip.compress(lime_image(pages(MACHINE)), 1))
    code, out, err = run(arguments[0], path, *arguments[1:])
    assert code == 0
    assert out
    assert re.search(r"^smalldump: .*guest\.lime\.gz: unpacked from gzip into a temporary file in \d+ s: ", err)


# --- pipes, standard input, files that nobody may write to


@posix_only
@pytest.mark.parametrize("packed", [False, True])
def test_write_from_a_slow_pipe(run: Run, tmp_path: Path, packed: bool) -> None:
    data, small = MACHINE.complete(), tmp_path / "small.dmp"
    with fed(tmp_path / "pipe", gzip.compress(data, 1) if packed else data, pause=0.05) as pipe:
        code, out, err = run("write", pipe, "-o", small)
    assert code == 0
    assert f"{len(MACHINE.facts.drivers)} drivers" in out
    assert ("unpacked from gzip" if packed else "read into a temporary file") in err
    with smalldump.open(small) as written:
        assert written.bug_check.code == CODE  # type: ignore[union-attr]


@posix_only
def test_what_has_come_is_told_on_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "MEMORY.DMP.gz"
    path.write_bytes(gzip.compress(MACHINE.complete() + bytes(64 << 20), 1))
    seen = on_terminal("write", path, "--plan")
    assert "MEMORY.DMP.gz: opening" in seen
    assert "reading what goes in" in seen


def test_who_watches_is_told_how_many_bytes_have_come(tmp_path: Path) -> None:
    data, told = MACHINE.complete() + bytes(3 << 20), list[int]()
    path = tmp_path / "MEMORY.DMP.gz"
    path.write_bytes(gzip.compress(data, 1))
    with open_single(path, watch=told.append) as source:
        assert source.size == len(data) == told[-1]
    assert told == sorted(told)
    assert len(told) >= 4


@posix_only
def test_a_small_dump_by_a_pipe(run: Run, tmp_path: Path) -> None:
    with fed(tmp_path / "pipe", MACHINE.facts.build().bytes) as pipe:
        code, out, err = run("analyze", pipe)
    assert (code, err) == (0, "")
    assert "wobblefs.sys" in out


@posix_only
def test_an_archive_by_a_pipe(run: Run, tmp_path: Path) -> None:
    with fed(tmp_path / "pipe", gzip.compress(MACHINE.facts.build().bytes)) as pipe:
        assert run("check", pipe).code == 0
    (tmp_path / "pipe").unlink()
    with fed(tmp_path / "pipe", b"nothing of the kind") as pipe:
        assert run("check", pipe).code == 3


@pytest.mark.parametrize("form", ["complete", "flattened"])
def test_memory_from_standard_input(run: Run, form: str) -> None:
    notes = qemu_note({"cr3": MACHINE.tables.root})
    memory = pages(MACHINE)
    data = MACHINE.complete() if form == "complete" else flattened(kdump(memory, max(memory) + 1, notes))
    code, out, err = run("analyze", "-", stdin=data)
    assert code == 0
    assert "wobblefs.sys" in out
    assert "<stdin>: read into a temporary file" in err


@posix_only
def test_the_device_of_standard_input(tmp_path: Path) -> None:
    if not Path("/dev/stdin").exists():
        pytest.skip("no /dev/stdin here")
    arguments = command("write", "/dev/stdin", "-o", tmp_path / "small.dmp")
    ran = subprocess.run(arguments, input=MACHINE.complete(), capture_output=True, env=environment(), check=False)
    assert ran.returncode == 0, ran.stderr
    assert b"read into a temporary file" in ran.stderr
    assert smalldump.check(tmp_path / "small.dmp").state.value == "whole"


def test_a_pipe_whose_memory_finds_no_room(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    code, _, err = run("analyze", "-", stdin=MACHINE.complete())
    assert code == 3
    assert "needs more room for temporary files" in err


@posix_only
def test_write_from_a_place_that_is_read_only(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "MEMORY.DMP").write_bytes(MACHINE.complete())
    (folder / "MEMORY.DMP").chmod(stat.S_IRUSR)
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        code, out, err = run("write", folder / "MEMORY.DMP", "-o", tmp_path / "small.dmp")
        left = sorted(found.name for found in folder.iterdir())
    finally:
        folder.chmod(stat.S_IRWXU)
    assert (code, err, left) == (0, "", ["MEMORY.DMP"])
    assert "bytes of stack" in out
