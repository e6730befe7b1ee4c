"""Microsoft's engine opens what was captured of a virtual machine that stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from smalldump.capture.machine import Stop
from smalldump.capture.monitor import Monitor
from smalldump.capture.taking import Wish, save, take
from smalldump.sources.small import SmallDump
from tests.capture.guest import Guest, Powered, empty, prepared, running
from tests.oracle.fixture import Oracle

CASES = {
    "plain, two processors, its file": (2, False, True),
    "encoded, one processor, QEMU's memory": (1, True, False),
}


def captured(guest: Guest, folder: Path, *, shared: bool) -> Path:
    """The dump of a guest that has panicked."""

    async def dump(powered: Powered) -> Path:
        monitor = await Monitor.open(powered.sockets[0])
        await monitor.ask("set-action", {"panic": "pause"})
        await monitor.ask("cont")
        while (await monitor.event())["event"] != "STOP":
            pass
        taken = await take(monitor, Stop(comment="smalldump"), "guest", Wish())
        await monitor.close()
        return save(taken.sealed, folder)[0].path

    with running(guest, folder, shared=shared) as powered:
        return asyncio.run(dump(powered))


@pytest.mark.parametrize(("processors", "hidden", "shared"), CASES.values(), ids=CASES)
def test_the_engine_agrees(oracle: Oracle, tmp_path: Path, processors: int, hidden: bool, shared: bool) -> None:
    path = captured(prepared(processors, hidden=hidden), tmp_path, shared=shared)
    assert oracle.differences(path, SmallDump(memoryview(path.read_bytes()))) == []


def test_without_a_kernel_it_opens_nothing(oracle: Oracle, tmp_path: Path) -> None:
    """Which the documentation says: such a dump is for smalldump."""
    path = captured(empty(), tmp_path, shared=True)
    assert "does not contain enough information" in (oracle.read(path).refusal or "")
