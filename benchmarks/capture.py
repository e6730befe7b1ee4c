"""How long a virtual machine stands still for its dump, and how soon the dump is on the disk.

    python -m benchmarks capture

A guest of QEMU (software emulation, two processors, the tests' Windows-like memory) panics again and again. Its memory
is a sparse file, or private to QEMU. In the same run QEMU's own dump-guest-memory writes all of the same guest to the
same disk: the ratio compares that with standing still.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.capture.guest import Powered, prepared, running

from smalldump.capture.address import GuestAddress
from smalldump.capture.monitor import Monitor
from smalldump.capture.telling import event_line
from smalldump.capture.watching import Orders, watch

__all__ = ["main"]

_SIZES = (1, 8)
_MEGABYTES = 1024
_PANICS = 9
_MOST_SECONDS, _LONGEST_DUMP = 30.0, 300.0
_HEADERS = f"{'guest':34} {'stood still ms':>15} {'most':>7} {'to file ms':>11} {'QEMU ms':>9} {'ratio':>7}"


def main(_: Path) -> None:
    """Print the table."""
    if shutil.which("qemu-system-x86_64") is None:
        print("QEMU is not installed: nothing to measure")
        return
    print(f"median of {_PANICS - 1} panics after a first one that counts, too, as the most\n{_HEADERS}")
    for size in _SIZES:
        own = 0.0  # QEMU's own dump takes long, and the room: once for each size
        for words, hidden, shared in _kinds():
            dumps, own = _run(size, own, hidden=hidden, shared=shared)
            _print(f"{size} GB, {words}", dumps, own)


def _run(size: int, own: float, *, hidden: bool, shared: bool) -> tuple[list[dict[str, Any]], float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Minidump").mkdir()
        guest = prepared(2, hidden=hidden)
        with running(guest, folder, megabytes=size * _MEGABYTES, shared=shared, monitors=2) as powered:
            return asyncio.run(_measured(powered, folder, own))


def _kinds() -> Iterator[tuple[str, bool, bool]]:
    yield "plain, its file", False, True
    yield "plain, QEMU's memory", False, False
    yield "encoded, its file", True, True
    yield "encoded, QEMU's memory", True, False


def _print(words: str, dumps: list[dict[str, Any]], own: float) -> None:
    still, file = ([each[key] for each in dumps] for key in ("stood_still_ms", "event_to_file_ms"))
    usual = statistics.median(still[1:] or still)
    print(f"{words:34} {usual:15.1f} {max(still):7.1f} {statistics.median(file):11.1f} {own:9.1f} {own / usual:7.1f}")


async def _measured(powered: Powered, folder: Path, own: float) -> tuple[list[dict[str, Any]], float]:
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def tell(guest: str, event: str, **facts: object) -> str:
        line = event_line(guest, event, **facts)
        events.put_nowait(json.loads(line))
        return line

    orders = Orders(folder / "Minidump")
    watching = asyncio.create_task(watch([GuestAddress(powered.sockets[0])], orders, tell))
    await _next(events, "panic_action")
    monitor = await Monitor.open(powered.sockets[1])
    dumps = [await _panic(monitor, events, first=not number) for number in range(_PANICS)]
    own = own or await _own_dump(monitor, folder / "guest.elf")
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await monitor.close()
    return dumps, own


async def _panic(monitor: Monitor, events: asyncio.Queue[dict[str, Any]], *, first: bool) -> dict[str, Any]:
    await monitor.ask("cont" if first else "system_reset")
    return await _next(events, "let_go") | await _next(events, "dump")


async def _next(events: asyncio.Queue[dict[str, Any]], kind: str) -> dict[str, Any]:
    async with asyncio.timeout(_MOST_SECONDS):
        while (event := await events.get())["event"] != kind:
            pass
    return event


async def _own_dump(monitor: Monitor, path: Path) -> float:
    began = time.perf_counter()
    arguments = {"paging": False, "protocol": f"file:{path}"}
    await monitor.ask("dump-guest-memory", arguments, _LONGEST_DUMP)
    taken = time.perf_counter() - began
    path.unlink()
    return 1000 * taken
