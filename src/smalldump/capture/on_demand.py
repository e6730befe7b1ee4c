"""A dump of a guest that is well: it stands still for it and goes on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from smalldump.capture.address import GuestAddress
from smalldump.capture.machine import Stop
from smalldump.capture.monitor import Monitor
from smalldump.capture.taking import Taken, Wish, save, stand_still, take, to_its_end
from smalldump.capture.warm_up import warm_up
from smalldump.capture.watching import comment_of, name_of
from smalldump.writing import Written

__all__ = ["Captured", "capture"]

_PANICKED = "guest-panicked"


class Captured(NamedTuple):
    """A dump that was asked for.

    Attributes:
        name: The guest's.
        ran: Whether the guest ran before, and does again.
        why_reserve: Why the dump went into the reserve; empty where it did not.
        stood_still: Milliseconds.
    """

    name: str
    ran: bool
    taken: Taken
    written: Written
    why_reserve: str
    stood_still: float


async def capture(address: GuestAddress, folder: Path, wish: Wish) -> Captured:
    """Take a dump now. One of a guest that panicked before tells of that; any other is marked as a live dump.

    Cancelled while the guest stands still, it lets the guest go on first.

    Raises:
        SmallDumpError: The guest cannot be reached, nothing is known of it, or the dump cannot be written.
    """
    warm_up()
    monitor = await Monitor.open(address.socket)
    try:
        name = await name_of(monitor, address)
        status = await monitor.ask("query-status")
        panicked = isinstance(status, dict) and status.get("status") == _PANICKED
        stop = Stop(live=not panicked, comment=comment_of(name))
        began = time.monotonic()
        ran, taken = await to_its_end(_held(monitor, stop, name, wish))
        stood = time.monotonic() - began
    finally:
        await monitor.close()
    written, why = save(taken.sealed, folder)
    return Captured(name, ran, taken, written, why, round(1000 * stood, 1))


async def _held(monitor: Monitor, stop: Stop, name: str, wish: Wish) -> tuple[bool, Taken]:
    ran = await stand_still(monitor)
    try:
        return ran, await take(monitor, stop, name, wish)
    finally:
        if ran:
            await monitor.ask("cont")
