"""The whole path with QEMU itself: a guest that panics, its dump, and the guest that goes on.

One at a time on a machine, as with Microsoft's engine: both are slow where processors are few.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from smalldump.capture.address import GuestAddress
from smalldump.capture.guest_memory import FILE, MONITOR, PROCESS, Way, guest_memory
from smalldump.capture.machine import NO_BUG_CHECK
from smalldump.capture.monitor import Monitor
from smalldump.capture.on_demand import capture
from smalldump.capture.taking import Wish, is_running
from smalldump.checking import check
from smalldump.errors import MonitorLost
from smalldump.model.absent import present
from smalldump.sources.small import SmallDump
from tests.capture.conftest import Watching, header_registers, run
from tests.capture.guest import CRASHLOADED, Guest, Powered, empty, prepared, running


def told(powered: Powered, *commands: str) -> list[Any]:
    """The answers to commands, by the last monitor."""

    async def asked() -> list[Any]:
        monitor = await Monitor.open(powered.sockets[-1])
        try:
            return [await monitor.ask(command) for command in commands]
        finally:
            await monitor.close()

    return run(asked())  # type: ignore[no-any-return]


def opened(path: str) -> SmallDump:
    assert check(memoryview(Path(path).read_bytes())).state.name == "WHOLE"
    return SmallDump(memoryview(Path(path).read_bytes()))


CASES = {
    "plain, one processor, its file": (1, False, True, FILE),
    "plain, four processors, QEMU's memory": (4, False, False, PROCESS),
    "encoded, two processors, its file": (2, True, True, FILE),
    "encoded, one processor, QEMU's memory": (1, True, False, PROCESS),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_from_the_panic_to_the_file(watching: Watching, tmp_path: Path, case: tuple[int, bool, bool, Way]) -> None:
    processors, hidden, shared, way = case
    guest = prepared(processors, hidden=hidden)
    with running(guest, tmp_path, shared=shared, monitors=2) as powered, watching(powered.sockets[0]) as watched:
        watched.wait_for("panic_action")
        told(powered, "cont")
        dump = watched.wait_for("dump")
        assert told(powered, "query-status")[0]["status"] == "running"
    assert (dump["memory"]["by"], dump["processors"], dump["limits"]) == (way.name, processors, None)
    assert guest.machine is not None
    facts, machine = guest.machine.facts, opened(dump["path"])
    assert (machine.bug_check.code, *machine.bug_check.parameters) == facts.bug_check
    assert [each.base for each in machine.modules] == [driver.base for driver in facts.drivers]
    assert present(machine.stack).start == facts.stack.low  # type: ignore[union-attr]
    assert machine.process.name == facts.process.name
    assert machine.system.processors == processors
    assert machine.system.kernel_base == facts.kernel.base


def test_the_monitor_alone_gives_the_same(tmp_path: Path) -> None:
    async def pages(powered: Powered, places: list[int]) -> list[tuple[bytes, ...]]:
        monitor = await Monitor.open(powered.sockets[0])
        await monitor.ask("set-action", {"panic": "pause"})
        await monitor.ask("cont")
        while (await monitor.event())["event"] != "STOP":
            pass
        read = []
        for way in (FILE, PROCESS, MONITOR):
            memory = await guest_memory(monitor, (way,))
            space = memory.physical.space
            read.append(tuple([await asyncio.to_thread(space.read_some, place, 0x2000) for place in places]))
            memory.physical.close()
        await monitor.close()
        return read

    guest = prepared(2)
    with running(guest, tmp_path) as powered:
        by_file, by_process, by_monitor = run(pages(powered, [0, 0x8000, 0x200000, 0x801000, 0x1FFE000]))
    assert by_file == by_process == by_monitor
    assert by_file[2] == guest.pages[0x200000] + guest.pages[0x201000]


@pytest.mark.parametrize("megabytes", [3072, 4096])
def test_the_hole_below_4_gb(tmp_path: Path, megabytes: int) -> None:
    """A sparse file: it takes next to no room. From the hole on memory lies at 4 GB."""

    async def ends(powered: Powered) -> tuple[list[tuple[int, int]], set[bytes]]:
        monitor = await Monitor.open(powered.sockets[0])
        read = set()
        for way in (FILE, MONITOR):
            memory = await guest_memory(monitor, (way,))
            read.add(await asyncio.to_thread(memory.physical.space.read_some, 4 << 30, 0x1000))
            memory.physical.close()
        await monitor.close()
        return list(memory.physical.space.ranges()), read

    guest = prepared()
    low = 2048 if megabytes > 2816 else megabytes
    high = {low << 20: b"above the hole".ljust(0x1000, b"!")}
    with running(Guest(None, {**guest.pages, **high}, guest.states), tmp_path, megabytes=megabytes) as powered:
        ranges, read = run(ends(powered))
    assert ranges[-2:] == [(0x100000, low << 20), (4 << 30, (4 << 30) + (megabytes - low << 20))]
    assert read == {high[low << 20]}


def test_crash_loaded(watching: Watching, tmp_path: Path) -> None:
    with (
        running(prepared(event=CRASHLOADED), tmp_path, monitors=2) as powered,
        watching(powered.sockets[0]) as watched,
    ):
        watched.wait_for("panic_action")
        told(powered, "cont")
        dump = watched.wait_for("dump")
        assert told(powered, "query-status")[0]["status"] == "running"
    assert watched.of("crash")[0]["reason"] == "guest_crashloaded"
    assert opened(dump["path"]).bug_check.code == 0xD1


def test_a_guest_that_stopped_before_anybody_watched(watching: Watching, tmp_path: Path) -> None:
    with running(prepared(), tmp_path, "-action", "panic=pause", monitors=2) as powered:
        told(powered, "cont")
        while told(powered, "query-status")[0]["status"] != "guest-panicked":
            pass
        with watching(powered.sockets[0], afterwards="pause") as watched:
            dump = watched.wait_for("dump")
        assert told(powered, "query-status")[0]["status"] == "guest-panicked"
    assert watched.of("crash")[0]["reason"] == "late_attach"
    assert opened(dump["path"]).bug_check.code == 0xD1


def test_reset_and_the_same_again(watching: Watching, tmp_path: Path) -> None:
    """After a reset this guest runs into the same code: it panics over and over until the watch ends."""
    with (
        running(prepared(), tmp_path, monitors=2) as powered,
        watching(powered.sockets[0], afterwards="reset") as watched,
    ):
        watched.wait_for("panic_action")
        told(powered, "cont")
        watched.wait_for("dump", 2)
    paths = [event["path"] for event in watched.of("dump")]
    assert len(set(paths)) == len(paths) >= 2
    assert all(opened(path).bug_check.code == 0xD1 for path in paths)


def test_quit(watching: Watching, tmp_path: Path) -> None:
    with (
        running(prepared(), tmp_path, monitors=2) as powered,
        watching(powered.sockets[0], afterwards="quit") as watched,
    ):
        watched.wait_for("panic_action")
        told(powered, "cont")
        watched.wait_for("dump")
        assert powered.process.wait(30) == 0


def test_no_windows(watching: Watching, tmp_path: Path) -> None:
    with running(empty(), tmp_path, monitors=2) as powered, watching(powered.sockets[0]) as watched:
        watched.wait_for("panic_action")
        told(powered, "cont")
        dump = watched.wait_for("dump")
    assert dump["limits"].startswith("no Windows in the guest")
    machine = SmallDump(memoryview(Path(dump["path"]).read_bytes()))
    assert (machine.bug_check, dump["bug_check"]) == (NO_BUG_CHECK, None)
    assert header_registers(machine).values["rbx"] == 0x1122334455667788
    assert machine.memory.read(empty().states[0]["rsp"], 16) == b"stack of nobody "


def test_on_demand(tmp_path: Path, minidump: Path) -> None:
    guest = prepared(2, event=0, stopped=False)
    with running(guest, tmp_path, monitors=2) as powered:
        told(powered, "cont")
        found = run(capture(GuestAddress(powered.sockets[0]), minidump, Wish()))
        assert told(powered, "query-status")[0]["status"] == "running"
    machine = opened(str(found.written.path))
    assert found.ran
    assert machine.bug_check.code == 0x161
    assert header_registers(machine).values["rbx"] == 0xB0B0
    assert header_registers(machine).values["rip"] in range(guest.states[0]["rip"], guest.states[0]["rip"] + 4)


def test_a_monitor_in_use(tmp_path: Path) -> None:
    async def second(powered: Powered) -> None:
        first = await Monitor.open(powered.sockets[0])
        try:
            await Monitor.open(powered.sockets[0], 0.3)
        finally:
            assert not await is_running(first)
            await first.close()

    with running(prepared(), tmp_path) as powered, pytest.raises(MonitorLost, match="one client at a time"):
        run(second(powered))


def test_qemu_is_killed(watching: Watching, tmp_path: Path) -> None:
    with running(prepared(event=0), tmp_path) as powered, watching(powered.sockets[0]) as watched:
        watched.wait_for("panic_action")
        powered.process.kill()
        watched.wait_for("lost")
