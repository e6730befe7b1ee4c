"""From a guest to the bytes of its dump, with the guest standing still no longer than that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from smalldump.capture.guest_memory import GuestMemory, Way, guest_memory
from smalldump.capture.machine import NO_BUG_CHECK, Stop, guest_machine
from smalldump.capture.monitor import Monitor
from smalldump.collect import Failure
from smalldump.compose import compose
from smalldump.errors import CommandRefused, SmallDumpError, StoreError
from smalldump.model import Absent, BugCheck
from smalldump.model.requests import DumpContributor
from smalldump.writer import Profile
from smalldump.writing import Place, Sealed, Written, seal, write_sealed

__all__ = ["AFTERWARDS", "Taken", "Wish", "is_running", "let_go", "save", "stand_still", "take", "to_its_end"]

AFTERWARDS = {
    "cont": "it goes on",
    "reset": "it starts anew",
    "pause": "it stays as it is",
    "quit": "QEMU ends",
}
"""What may become of a guest behind its dump."""


@dataclass(frozen=True)
class Wish:
    """Of which kind dumps are.

    Attributes:
        profile, size: As `compose` takes them.
        contributors: Components that may add something of their own.
    """

    profile: Profile | None = None
    size: int | None = None
    contributors: tuple[DumpContributor | Failure, ...] = ()


class Taken(NamedTuple):
    """A dump that can be written while its guest goes on.

    Attributes:
        bug_check: That the dump tells; None: it tells none.
        way: How the guest's memory was read; `passed_over`: faster ways that are not open, and why.
        processors: How many the guest has.
        limits: Why the dump holds no kernel, or not all of it; empty where it does.
    """

    sealed: Sealed
    bug_check: BugCheck | None
    way: Way
    passed_over: tuple[tuple[Way, str], ...]
    processors: int
    limits: str


T = TypeVar("T")


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Do what must not stop midway, since a guest stands still for it: whoever cancels it waits for its end."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(SmallDumpError):
            await task
        raise


async def stand_still(monitor: Monitor) -> bool:
    """Wait until a guest that has stopped stands still, and stop one that does not; whether it had to be stopped.

    Raises:
        CommandRefused: It cannot be stopped.
        MonitorLost: The session ended.
    """
    if not await is_running(monitor):
        return False
    await monitor.ask("stop")
    return True


async def is_running(monitor: Monitor) -> bool:
    """Whether the guest's processors run.

    Raises:
        CommandRefused: QEMU does not tell.
        MonitorLost: The session ended.
    """
    status = await monitor.ask("query-status")
    if not isinstance(status, dict) or not isinstance(status.get("running"), bool):
        raise CommandRefused(str(monitor.path), "query-status: the answer makes no sense")
    return bool(status["running"])


async def take(monitor: Monitor, stop: Stop, name: str, wish: Wish) -> Taken:
    """The dump of a guest that stands still.

    Raises:
        SmallDumpError: There is none: neither kernel nor processors, or the session ended.
    """
    memory = await guest_memory(monitor)
    try:
        return await asyncio.to_thread(_taken, memory, stop, name, wish)
    finally:
        memory.physical.close()


def _taken(memory: GuestMemory, stop: Stop, name: str, wish: Wish) -> Taken:
    machine, limits = guest_machine(memory, stop, name)
    composed = compose(machine, profile=wish.profile, size=wish.size, contributors=wish.contributors)
    found = machine.bug_check
    bug_check = None if isinstance(found, Absent) or found == NO_BUG_CHECK else found
    cpus = len(memory.physical.cpus)
    return Taken(seal(machine, composed), bug_check, memory.way, memory.passed_over, cpus, limits)


async def let_go(monitor: Monitor, afterwards: str) -> None:
    """Do with a guest what `AFTERWARDS` names.

    Raises:
        CommandRefused: QEMU does not do it.
        MonitorLost: The session ended otherwise than by `quit`.
    """
    if afterwards == "reset":
        await monitor.ask("system_reset")
    if afterwards in ("cont", "reset"):
        await monitor.ask("cont")
    if afterwards == "quit":
        await monitor.ask("quit")


def save(sealed: Sealed, folder: Path) -> tuple[Written, str]:
    """Write a dump into a Minidump folder, or where that fails into its reserve; and why it went there.

    Raises:
        StoreError: Both failed.
    """
    try:
        return write_sealed(sealed, Place(into=folder)), ""
    except StoreError as error:
        try:
            return write_sealed(sealed, Place(reserve=folder)), error.why
        except StoreError as second:
            raise StoreError(error.path, f"{error.why}; nor in the reserve: {second.why}") from error
