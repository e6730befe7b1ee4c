"""Ways into a guest's memory: which is taken, and why others are not."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smalldump.capture import guest_memory as module
from smalldump.capture import guest_space
from smalldump.capture.core_dump import core_dump
from smalldump.capture.guest_layout import GuestRange
from smalldump.capture.guest_memory import FILE, MONITOR, PROCESS, GuestMemory, Way, guest_memory
from smalldump.capture.guest_space import GuestSpace, MonitorFile
from smalldump.capture.monitor import Monitor
from smalldump.errors import CommandRefused, MonitorLost
from smalldump.memory import MappedFile, opened_file
from tests.capture.scripted import DROP, ScriptedQemu, scripted
from tests.capture.test_guest_layout import properties
from tests.capture.test_monitor import in_session
from tests.physical_files import page

PAGES = {address: page(address // 0x1000) for address in range(0, 0x40000, 0x1000)}
ROOT = 0x5000


@pytest.fixture
def qemu(tmp_path: Path) -> Iterator[ScriptedQemu]:
    with scripted(tmp_path / "guest.qmp", PAGES, rip=0x1234, rsp=0x8000, cr3=ROOT, cr0=0x80000001) as server:
        yield server


@pytest.fixture
def backing(qemu: ScriptedQemu, tmp_path: Path) -> Path:
    """The file behind the memory."""
    path = tmp_path / "memory"
    path.write_bytes(b"".join(PAGES.values()))
    path.chmod(0o600)
    qemu.answers["query-memdev"] = [{"id": "ram"}]
    qemu.answers["qom-get"] = properties(**{"mem-path": str(path), "share": True})
    return path


def found(qemu: ScriptedQemu, *ways: Way) -> tuple[GuestMemory, list[bytes]]:
    """The memory, and what is read of it."""

    async def work(monitor: Monitor) -> tuple[GuestMemory, list[bytes]]:
        memory = await guest_memory(monitor, ways or (FILE, PROCESS, MONITOR))
        places = [0, ROOT, 0x1FFFC, 0x3FFF8, 0x40000]
        read = [await asyncio.to_thread(memory.physical.space.read_some, at, 8) for at in places]
        memory.physical.close()
        return memory, read

    return in_session(qemu, work)  # type: ignore[no-any-return]


def expected() -> list[bytes]:
    """The same by the pages."""
    whole = b"".join(PAGES.values())
    return [whole[at : at + 8] for at in (0, ROOT, 0x1FFFC, 0x3FFF8, 0x40000)]


def test_the_file_comes_first(qemu: ScriptedQemu, backing: Path) -> None:
    memory, read = found(qemu)
    assert (memory.way, memory.passed_over) == (FILE, ())
    assert memory.physical.kind == "virtual machine, by its shared memory file"
    assert memory.physical.cpus[0].registers.pc == 0x1234
    assert read == expected()


def test_a_file_that_is_not_shared(qemu: ScriptedQemu, backing: Path) -> None:
    qemu.answers["qom-get"] = properties(**{"mem-path": str(backing), "share": False})
    memory, read = found(qemu, FILE, MONITOR)
    assert memory.way is MONITOR
    assert memory.passed_over == ((FILE, "not share=on: the guest's memory is not in it"),)
    assert read == expected()


def test_a_file_that_others_can_write(qemu: ScriptedQemu, backing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "exposed", lambda *_: "others can write to it (-rw-rw-rw-)")
    assert found(qemu, FILE, MONITOR)[0].passed_over == ((FILE, "refused: others can write to it (-rw-rw-rw-)"),)


def test_a_file_that_is_not_qemus(qemu: ScriptedQemu, backing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """QEMU names the file: it must not lead us, who may read more than it, to another one."""
    monkeypatch.setattr("smalldump.capture.monitor._peer", lambda _: (0, backing.stat().st_uid + 7))
    ((_, why),) = found(qemu, FILE, MONITOR)[0].passed_over
    owner = backing.stat().st_uid
    assert why == f"refused: it belongs to user {owner}, QEMU runs as {owner + 7}"


def test_a_file_that_is_exchanged_while_it_is_looked_at(
    qemu: ScriptedQemu, backing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = backing.with_name("other")
    other.write_bytes(backing.read_bytes())
    monkeypatch.setattr(module, "opened_file", lambda _: opened_file(other))
    assert found(qemu, FILE, MONITOR)[0].passed_over == ((FILE, "refused: another file has taken its place"),)


def test_a_file_that_shows_another_memory(qemu: ScriptedQemu, backing: Path) -> None:
    backing.write_bytes(bytes(0x40000))
    memory, read = found(qemu, FILE, MONITOR)
    assert memory.passed_over == ((FILE, "its shared memory file shows something else at 0x0 than QEMU"),)
    assert read == expected()


@pytest.mark.parametrize(("name", "why"), [("none", "No such file"), (".", "no regular file")])
def test_a_file_that_is_none(qemu: ScriptedQemu, backing: Path, name: str, why: str) -> None:
    qemu.answers["qom-get"] = properties(**{"mem-path": str(backing.parent / name), "share": True})
    ((_, told),) = found(qemu, FILE, MONITOR)[0].passed_over
    assert why in told


def test_the_memory_of_a_process(qemu: ScriptedQemu) -> None:
    whole = ctypes.create_string_buffer(b"".join(PAGES.values()), 0x40000)
    tree = qemu._answer("human-monitor-command", {"command-line": "info mtree -f"})
    host = f"Host virtual address for 0x0 (ram) is {ctypes.addressof(whole):#x}\r\n"
    qemu.answers["human-monitor-command"] = lambda asked: tree if "mtree" in asked["command-line"] else host
    memory, read = found(qemu, PROCESS)
    assert memory.way is PROCESS
    assert read == expected()


def test_a_process_that_is_not_ours_to_look_into(qemu: ScriptedQemu, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    memory, _ = found(qemu, PROCESS, MONITOR)
    why = "Permission denied (it takes to be QEMU's user, or CAP_SYS_PTRACE)"
    assert memory.passed_over == ((PROCESS, why),)


def test_the_monitor_needs_nothing_else(qemu: ScriptedQemu) -> None:
    memory, read = found(qemu)
    assert memory.way is MONITOR
    assert [way for way, _ in memory.passed_over] == [FILE, PROCESS]
    assert read == expected()


def test_no_way_at_all(qemu: ScriptedQemu) -> None:
    with pytest.raises(CommandRefused, match="no memory-backend-file behind 'ram'"):
        found(qemu, FILE)


def test_each_piece_is_asked_for_once(qemu: ScriptedQemu, monkeypatch: pytest.MonkeyPatch) -> None:
    async def twice(monitor: Monitor) -> None:
        file = MonitorFile(monitor, 0x40000)
        for at in (0x10, 0x20, 0xFFF8, 0x10, 0x10010):
            await asyncio.to_thread(file.read_some, at, 8)

    in_session(qemu, twice)
    assert qemu.commands.count("dump-guest-memory") == 2
    monkeypatch.setattr(guest_space, "_MOST_KEPT", 1)
    in_session(qemu, twice)
    assert qemu.commands.count("dump-guest-memory") == 4


def test_a_limit_to_what_is_asked_for(qemu: ScriptedQemu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_space, "_MOST_ASKED", 2)

    async def three(monitor: Monitor) -> list[int]:
        file = MonitorFile(monitor, 0x40000)
        return [len(await asyncio.to_thread(file.read_some, at, 8)) for at in (0, 0x10000, 0x20000)]

    assert in_session(qemu, three) == [8, 8, 0]


def test_a_piece_that_qemu_does_not_have(qemu: ScriptedQemu) -> None:
    qemu.answers["dump-guest-memory"] = {"error": {"class": "GenericError", "desc": "Invalid parameter 'begin'"}}

    async def one(monitor: Monitor) -> bytes:
        return await asyncio.to_thread(MonitorFile(monitor, 0x40000).read_some, 0, 8)

    assert in_session(qemu, one) == b""
    assert qemu.commands[-1] == "closefd"


@pytest.mark.parametrize("answer", [{}, {"error": {"class": "GenericError", "desc": "Device 'x' not found"}}])
def test_a_core_that_is_none(qemu: ScriptedQemu, answer: object) -> None:
    qemu.answers["dump-guest-memory"] = answer
    with pytest.raises(CommandRefused, match="dump-guest-memory: "):
        found(qemu)


def test_a_core_that_is_far_too_large(qemu: ScriptedQemu) -> None:
    qemu.answers["dump-guest-memory"] = lambda _: qemu.fill_lent(1 << 30)
    with pytest.raises(CommandRefused, match="wrote 0x40000000 bytes for 0x1000"):
        in_session(qemu, lambda monitor: core_dump(monitor, 0, 0x1000))


@pytest.mark.parametrize("command", ["getfd", "dump-guest-memory", "query-memdev", "human-monitor-command"])
def test_qemu_dies_midway(qemu: ScriptedQemu, command: str) -> None:
    qemu.answers[command] = DROP
    with pytest.raises(MonitorLost, match="lost while waiting"):
        found(qemu)


def test_pieces_of_files() -> None:
    first, second = MappedFile(bytes(range(256)) * 16), MappedFile(b"\xaa" * 0x1000)
    pieces = [
        (GuestRange(0, 0x800, "a", 0), first, 0),
        (GuestRange(0x800, 0x1000, "b", 0), second, 0x800),
        (GuestRange(0x4000, 0x4800, "a", 0x800), first, 0x801),
    ]
    space = GuestSpace(pieces)
    assert space.read_some(0x7FE, 4) == b"\xfe\xff\xaa\xaa"
    assert space.read_some(0xFFE, 8) == b"\xaa\xaa"
    assert space.read_some(0x2000, 8) == b""
    assert space.read_some(0x4000, 3) == b"\x01\x02\x03"
    assert len(space.read_some(0x4000, 0x800)) == 0x7FF  # the file ends
    assert list(space.ranges()) == [(0, 0x800), (0x800, 0x1000), (0x4000, 0x4800)]
    assert space.next_readable(0x1000, 0x5000) == 0x4000
    assert space.next_readable(0x1000, 0x4000) is None
    assert 0x47FF in space
    assert 0x4800 not in space
    assert list(space.data_ranges())[-1] == (0x4000, 0x47FF)
