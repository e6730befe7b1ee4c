"""A session with QEMU's monitor (QMP): events come in, commands go out, and each has a limit of time.

A monitor serves one client at a time. Whoever comes second is let in, and hears nothing: that is how a monitor in use
is known.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from qemu.qmp import EventListener, ExecuteError, Message, QMPClient, QMPError

from smalldump.capture.exposure import exposed
from smalldump.errors import CommandRefused, MonitorLost

__all__ = ["EVENTS", "Monitor"]

EVENTS = ("GUEST_PANICKED", "GUEST_CRASHLOADED", "STOP", "RESUME", "RESET", "SHUTDOWN")
"""What a guest's monitor tells without being asked, as far as it matters here."""

_GREETING_SECONDS, _ANSWER_SECONDS, _LEAVE_SECONDS = 3.0, 30.0, 2.0
_MOST_EVENTS = 1024
_LONGEST_ANSWER = 16 << 20
_IN_USE = (
    "does not greet: somebody else (libvirt, Proxmox, another smalldump) is using this monitor, which serves one"
    " client at a time; give the guest a second -qmp socket (docs/watching.md shows how)"
)


class _Wanted(EventListener):
    """Events that matter; a monitor that floods us loses the oldest, not our memory."""

    def __init__(self) -> None:
        super().__init__(EVENTS)
        self.waiting: asyncio.Queue[Message] = asyncio.Queue(_MOST_EVENTS)

    async def put(self, event: Message) -> None:
        if event.get("event") not in EVENTS:
            return
        if self.waiting.full():
            self.waiting.get_nowait()
        self.waiting.put_nowait(event)


class Monitor:
    """An open session.

    Attributes:
        path: The socket.
        process: Process id of QEMU, 0 where the system does not tell; `user`: whose it is.
        loop: The event loop that the session lives in.
    """

    def __init__(self, path: Path, connection: socket.socket) -> None:
        self.path, self._connection = path, connection
        self.process, self.user = 0, os.getuid()
        self.loop = asyncio.get_running_loop()
        self._client, self._events = _client(), _Wanted()
        self._client.register_listener(self._events)

    @classmethod
    async def open(cls, path: Path, seconds: float | None = None) -> Monitor:
        """Begin a session; `seconds` is how long to wait for a greeting.

        Raises:
            MonitorLost: There is no socket, others can write to it, nobody listens, or it is in use.
        """
        monitor = cls(path, _connected(path))
        try:
            monitor._trust()
            await monitor._connect(seconds or _GREETING_SECONDS)
        except TimeoutError as error:
            monitor._connection.close()
            raise MonitorLost(os.fspath(path), _IN_USE) from error
        except (QMPError, OSError) as error:
            monitor._connection.close()
            raise MonitorLost(os.fspath(path), f"does not speak QMP: {_words(error)}") from error
        except BaseException:  # a refusal of ours, or an end of the watch: nobody else knows the socket; it goes on up
            monitor._connection.close()
            raise
        return monitor

    async def _connect(self, seconds: float) -> None:
        # The client owns the descriptor that it gets, once it has begun; ours stays, to hand descriptors over.
        lent = self._connection.dup()
        try:
            async with asyncio.timeout(seconds):
                await self._client.connect(lent)
        except BaseException:  # an end of the watch, too, may come before the client has taken it
            lent.close()
            raise

    def _trust(self) -> None:
        self.process, self.user = _peer(self._connection)
        owner = self.path.stat().st_uid
        if self.process and self.user not in (0, os.getuid(), owner):
            why = f"refused: who listens there (user {self.user}) is not who owns it (user {owner})"
            raise MonitorLost(os.fspath(self.path), why)

    async def ask(
        self, command: str, arguments: Mapping[str, object] | None = None, seconds: float = _ANSWER_SECONDS
    ) -> Any:
        """Send a command and wait for its answer, which is whatever the other side says: check it.

        Raises:
            CommandRefused: QEMU says no.
            MonitorLost: The session ended, or nothing came in time.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._client.execute(command, arguments)
        except ExecuteError as error:
            raise CommandRefused(os.fspath(self.path), f"{command}: {_words(error)}") from error
        except TimeoutError as error:
            raise MonitorLost(os.fspath(self.path), f"no answer to {command} in {seconds:g} seconds") from error
        except (QMPError, OSError, EOFError) as error:
            raise MonitorLost(os.fspath(self.path), f"lost while waiting for {command}: {_words(error)}") from error

    async def tell(self, line: str) -> str:
        """The answer to a command of the human monitor, as text.

        Raises:
            CommandRefused: As `ask`; and where the answer is no text.
            MonitorLost: As `ask`.
        """
        answer = await self.ask("human-monitor-command", {"command-line": line})
        if not isinstance(answer, str):
            raise CommandRefused(os.fspath(self.path), f"{line}: the answer is no text")
        return answer

    async def lend(self, name: str, descriptor: int) -> None:
        """Hand an open file to QEMU under a name: it needs no rights to any path then.

        Raises:
            CommandRefused: QEMU does not take it.
            MonitorLost: The session ended.
        """
        try:
            # The descriptor travels with the first byte; a space between commands means nothing.
            socket.send_fds(self._connection, [b" "], [descriptor])
        except OSError as error:
            raise MonitorLost(os.fspath(self.path), f"takes no descriptor: {_words(error)}") from error
        await self.ask("getfd", {"fdname": name})

    async def event(self) -> Mapping[str, Any]:
        """The next event of `EVENTS`.

        Raises:
            MonitorLost: The session ended; events that came before that are given first.
        """
        if not self._events.waiting.empty():
            return self._events.waiting.get_nowait()
        coming = asyncio.ensure_future(self._events.waiting.get())
        gone = asyncio.ensure_future(self._gone())
        try:
            await asyncio.wait([coming, gone], return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                return coming.result()
        finally:
            coming.cancel()
            gone.cancel()
        raise MonitorLost(os.fspath(self.path), "the session ended: QEMU has gone, or closed it")

    async def _gone(self) -> None:
        while self._client.runstate.name == "RUNNING":
            await self._client.runstate_changed()

    async def close(self) -> None:
        """End the session; closing twice does nothing. Never raises for what the other side sent."""
        try:
            with suppress(Exception):  # what ended the session comes up here again: nested too deep, no text, too long
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await self._client.disconnect()
        finally:  # the watch may be ended meanwhile
            self._connection.close()


def _client() -> QMPClient:
    client = QMPClient(readbuflen=_LONGEST_ANSWER)
    client.logger = logging.getLogger("smalldump.capture.qmp")
    client.logger.setLevel(logging.CRITICAL + 1)  # what it complains of is raised, too
    client.events.event_filter = lambda _: False
    return client


def _connected(path: Path) -> socket.socket:
    try:
        if why := exposed(path):
            raise MonitorLost(os.fspath(path), f"refused: {why}")
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
    except (OSError, AttributeError, ValueError) as error:
        raise MonitorLost(os.fspath(path), _words(error)) from error
    try:
        connection.connect(os.fspath(path))
    except BlockingIOError as error:
        connection.close()
        raise MonitorLost(os.fspath(path), _IN_USE) from error
    except OSError as error:
        connection.close()
        raise MonitorLost(os.fspath(path), _words(error)) from error
    return connection


def _peer(connection: socket.socket) -> tuple[int, int]:
    if not hasattr(socket, "SO_PEERCRED"):
        return 0, os.getuid()
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    process, user, _ = struct.unpack("3i", credentials)
    return process, user


def _words(error: BaseException) -> str:
    inner = getattr(error, "exc", None)
    words = getattr(inner or error, "strerror", None) or str(inner or error) or type(inner or error).__name__
    return " ".join(str(words).split())[:300]
