"""Fixtures of this folder: events that were told, and a loop to watch in."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from smalldump.capture.address import GuestAddress
from smalldump.capture.telling import event_line
from smalldump.capture.watching import Orders, watch
from smalldump.model import Absent, Registers, Snapshot

__all__ = ["Watched", "Watching", "header_registers", "run"]

_SECONDS = 30


class Watched:
    """Guests that are being watched, and what was told of them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, guest: str, event: str, **facts: object) -> str:
        self.lines.append(event_line(guest, event, **facts))
        return self.lines[-1]

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events."""
        return [json.loads(line) for line in list(self.lines)]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """The events of these kinds."""
        return [event for event in self.events if event["event"] in kinds]

    def wait_for(self, kind: str, times: int = 1) -> dict[str, Any]:
        """The event, as soon as it has been told so many times."""
        end = time.monotonic() + _SECONDS
        while len(self.of(kind)) < times:
            assert time.monotonic() < end, f"{kind} was not told: {self.events}"
            time.sleep(0.005)
        return self.of(kind)[times - 1]


Watching = Callable[..., Any]


@pytest.fixture
def minidump(tmp_path: Path) -> Path:
    """A Minidump folder."""
    folder = tmp_path / "Minidump"
    folder.mkdir()
    return folder


@pytest.fixture
def watching(minidump: Path) -> Watching:
    """Watch sockets in a loop of its own: `with watching(path, afterwards="reset") as watched:`."""

    @contextmanager
    def watched(*sockets: Path | GuestAddress, **orders: Any) -> Iterator[Watched]:
        told, loop = Watched(), asyncio.new_event_loop()
        addresses = [each if isinstance(each, GuestAddress) else GuestAddress(each) for each in sockets]
        task = loop.create_task(watch(addresses, Orders(orders.pop("folder", minidump), **orders), told.tell))
        thread = Thread(target=_run, args=(loop, task))
        thread.start()
        try:
            yield told
        finally:
            loop.call_soon_threadsafe(task.cancel)
            thread.join(_SECONDS)
            assert not thread.is_alive()

    return watched


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """The outcome of a coroutine."""
    return asyncio.run(work)


def header_registers(machine: Snapshot) -> Registers:
    """The registers in a dump's header, which must be there."""
    found = machine.contexts.header
    assert not isinstance(found, Absent)
    return found
