"""Watching guests: each is attended by a session of its own, which is begun again whenever it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smalldump.capture.address import GuestAddress
from smalldump.capture.hook import run_hook
from smalldump.capture.machine import Stop
from smalldump.capture.monitor import Monitor
from smalldump.capture.taking import Taken, Wish, is_running, let_go, save, stand_still, take, to_its_end
from smalldump.capture.telling import Tell, bug_check_words, dump_facts
from smalldump.capture.warm_up import warm_up
from smalldump.errors import CommandRefused, MonitorLost, SmallDumpError, SourceUnreadable
from smalldump.model import BugCheck
from smalldump.writing import Written

__all__ = ["Orders", "comment_of", "name_of", "watch", "watch_guest"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
_SETTLE_SECONDS, _LOOK_SECONDS = 1.0, 0.002
_LONGEST_NAME = 64
_PANICKED = "guest-panicked"
_STOPS = {"GUEST_PANICKED": "guest_panicked", "GUEST_CRASHLOADED": "guest_crashloaded"}


@dataclass(frozen=True)
class Orders:
    """What to do for each guest that stops.

    Attributes:
        folder: A Minidump folder, perhaps with a reserve.
        afterwards: One of `AFTERWARDS`.
        hook: A program and its arguments, run for each dump; empty: none.
    """

    folder: Path
    afterwards: str = "cont"
    wish: Wish = field(default_factory=Wish)
    hook: tuple[str, ...] = ()


async def watch(addresses: Sequence[GuestAddress], orders: Orders, tell: Tell) -> None:
    """Watch guests until cancelled."""
    await asyncio.to_thread(warm_up)
    async with asyncio.TaskGroup() as group:
        for address in addresses:
            group.create_task(watch_guest(address, orders, tell))


async def watch_guest(address: GuestAddress, orders: Orders, tell: Tell) -> None:
    """Watch one guest until cancelled; a guest that cannot be reached is tried again, less and less often."""
    watcher, pause = _Watcher(address, orders, tell), _FIRST_PAUSE
    try:
        while True:
            began = time.monotonic()
            await watcher.session()
            if time.monotonic() - began > _LONGEST_PAUSE:
                pause = _FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
    finally:
        await watcher.finish()


class _Watcher:
    """Who attends one guest.

    Attributes:
        name: What the guest is called in events.
    """

    def __init__(self, address: GuestAddress, orders: Orders, tell: Tell) -> None:
        self.address, self.orders, self.name = address, orders, address.shown
        self._tell, self._last_trouble = tell, ""
        self._done_with: int | None = None  # QEMU's process, where its guest was left as it stopped
        self._held: int | None = None  # QEMU's process, while its guest stands still for us
        self._hooks: set[asyncio.Task[None]] = set()

    def tell(self, event: str, **facts: object) -> str:
        """Tell an event of this guest."""
        return self._tell(self.name, event, **facts)

    async def session(self) -> None:
        """One session, from attaching until it is lost; what hinders it is told when it changes."""
        try:
            monitor = await Monitor.open(self.address.socket)
        except MonitorLost as error:
            if error.why != self._last_trouble:
                self.tell("unreachable", socket=str(self.address.socket), why=error.why)
            self._last_trouble = error.why
            return
        self._last_trouble = ""
        try:
            await self._attend(monitor)
        except SourceUnreadable as error:
            self.tell("lost", why=error.why)
        except Exception as error:  # noqa: BLE001  a mistake of ours with one guest must not cost the others their watch
            self.tell("lost", why=_internal(error))
        finally:
            await monitor.close()

    async def finish(self) -> None:
        """Wait for programs that are still at a dump."""
        await asyncio.gather(*self._hooks)

    async def _attend(self, monitor: Monitor) -> None:
        self.name = await name_of(monitor, self.address)
        self.tell("attached", socket=str(self.address.socket), process=monitor.process or None)
        await self._keep_memory(monitor)
        status = await monitor.ask("query-status")
        held, self._held = self._held, None
        if isinstance(status, dict) and status.get("status") == _PANICKED and self._done_with != monitor.process:
            await self._at_the_stop(monitor, "late_attach", None)
        elif held == monitor.process and not await is_running(monitor):
            await self._let_go(monitor, time.monotonic())  # the last session ended before it could
        while True:
            event = await monitor.event()
            name = event["event"]
            if name in _STOPS:
                await self._at_the_stop(monitor, _STOPS[name], _told_bug_check(event))
            elif name in ("RESUME", "RESET"):
                self._done_with = None
            elif name == "SHUTDOWN":
                self.tell("shutdown")

    async def _keep_memory(self, monitor: Monitor) -> None:
        # QEMU's own choice is to end, and the memory with it; which one was set before it does not tell.
        try:
            await monitor.ask("set-action", {"panic": "pause"})
        except CommandRefused as error:
            self.tell("panic_action", action=None, why=f"{error.why}: a panic may end QEMU before its memory is read")
        else:
            self.tell("panic_action", action="pause", why="so that memory outlives a panic; stays so until QEMU ends")

    async def _at_the_stop(self, monitor: Monitor, reason: str, told: BugCheck | None) -> None:
        # Its dump is not on the disk yet, either.
        await to_its_end(self._stopped(monitor, reason, told))

    async def _stopped(self, monitor: Monitor, reason: str, told: BugCheck | None) -> None:
        began = time.monotonic()
        self.tell("crash", reason=reason, bug_check=bug_check_words(told))
        self._held = monitor.process or None
        await _settle(monitor, patient=reason != "guest_crashloaded")
        stop = Stop(told, comment=comment_of(self.name))
        taken: Taken | None = None
        try:
            taken = await take(monitor, stop, self.name, self.orders.wish)
        except MonitorLost:
            raise
        except SmallDumpError as error:
            self.tell("not_captured", why=str(error))
        except Exception as error:  # noqa: BLE001  a mistake of ours must not keep the guest from going on
            self.tell("not_captured", why=_internal(error))
        finally:
            await self._let_go(monitor, began)
        if taken is not None:
            await self._keep(taken, began)

    async def _let_go(self, monitor: Monitor, began: float) -> None:
        afterwards = self.orders.afterwards
        try:
            await let_go(monitor, afterwards)
        except SourceUnreadable as error:
            self.tell("not_let_go", afterwards=afterwards, why=error.why)
            return
        self._held = None
        self._done_with = monitor.process if afterwards == "pause" else None
        self.tell("let_go", afterwards=afterwards, stood_still_ms=_milliseconds(began))

    async def _keep(self, taken: Taken, began: float) -> None:
        try:
            written, why = await asyncio.to_thread(save, taken.sealed, self.orders.folder)
        except SmallDumpError as error:
            self.tell("not_written", why=str(error))
            return
        facts = dump_facts(taken, written, why)
        line = self.tell("dump", **facts, event_to_file_ms=_milliseconds(began))
        if self.orders.hook:
            task = asyncio.create_task(self._hook(written, line))
            self._hooks.add(task)
            task.add_done_callback(self._hooks.discard)

    async def _hook(self, written: Written, line: str) -> None:
        trouble = await run_hook(self.orders.hook, written.path, self.name, line)
        self.tell("hook", program=self.orders.hook[0], path=str(written.path), trouble=trouble or None)


async def name_of(monitor: Monitor, address: GuestAddress) -> str:
    """What to call a guest: as was asked for, as QEMU calls it, or as its socket.

    Raises:
        MonitorLost: The session ended.
    """
    answer: Any = None
    if not address.name:
        with suppress(CommandRefused):
            answer = await monitor.ask("query-name")
    told = answer.get("name") if isinstance(answer, dict) else None
    return (told if isinstance(told, str) and told else address.shown)[:_LONGEST_NAME]


def comment_of(name: str) -> str:
    """The comment in a dump's header."""
    return "smalldump, from the virtual machine " + name.encode("ascii", "replace").decode()


async def _settle(monitor: Monitor, *, patient: bool) -> None:
    # A panic is told before the processors stand still.
    end = time.monotonic() + _SETTLE_SECONDS
    while patient and await is_running(monitor) and time.monotonic() < end:
        await asyncio.sleep(_LOOK_SECONDS)
    await stand_still(monitor)


def _told_bug_check(event: Mapping[str, Any]) -> BugCheck | None:
    """Hyper-V crash registers hold the bug check's code and parameters."""
    data = event.get("data")
    info = data.get("info") if isinstance(data, dict) else None
    if not isinstance(info, dict) or info.get("type") != "hyper-v":
        return None
    words = [info.get(f"arg{number}") for number in range(1, 6)]
    code, one, two, three, four = (word & (1 << 64) - 1 if isinstance(word, int) else None for word in words)
    if code is None or one is None or two is None or three is None or four is None:
        return None
    return BugCheck(code & 0xFFFFFFFF, (one, two, three, four))


def _internal(error: Exception) -> str:
    return f"internal error: {type(error).__name__}: {error}"


def _milliseconds(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
