"""A monitor that does as it is told: QEMU's words without QEMU, right ones and wrong ones."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.physical_files import elf_core, qemu_note

__all__ = ["DROP", "SILENT", "ScriptedQemu", "scripted"]

DROP, SILENT = object(), object()
"""Answers: the connection ends; nothing comes."""
_PAGE = 0x1000
_GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "capabilities": []}}
_MTREE = """FlatView #0
 AS "I/O", root: io
  0000000000000000-0000000000000007 (prio 0, i/o): dma-chan

FlatView #1
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-{end:016x} (prio 0, ram): ram
  00000000fee00000-00000000feefffff (prio 4096, i/o): apic-msi
"""


class ScriptedQemu:
    """One guest behind a monitor.

    Attributes:
        answers: By command, in place of what QEMU would say: a value, an exception's words as `{"error": …}`, raw
            bytes, DROP or SILENT.
        asked: Commands in the order in which they came, with their arguments.
        running: Whether the guest runs; `status`: what it says otherwise.
        core: Class and machine of the ELF cores that it writes; 32 and 3 for a guest in 32-bit mode.
    """

    def __init__(self, path: Path, pages: Mapping[int, bytes] | None = None, **registers: int) -> None:
        self.path, self.registers = path, registers
        self.pages = {address // _PAGE: page for address, page in (pages or {0: bytes(_PAGE)}).items()}
        self.answers: dict[str, object] = {}
        self.asked: list[tuple[str, dict[str, object]]] = []
        self.running, self.status, self.greets = True, "paused", True
        self.greeting: bytes | None = None
        self.core = (64, 62)
        self.sessions = 0
        self._lent: list[int] = []
        self._connection: socket.socket | None = None
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        path.chmod(0o700)
        self._server.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def commands(self) -> list[str]:
        """Names of the commands that came."""
        return [name for name, _ in self.asked]

    def event(self, name: str, **data: object) -> None:
        """Tell the client something."""
        self._send({"event": name, "data": data, "timestamp": {"seconds": 0, "microseconds": 0}})

    def panic(self, **info: object) -> None:
        """The guest panics."""
        self.running, self.status = False, "guest-panicked"
        self.event("GUEST_PANICKED", action="pause", **({"info": info} if info else {}))
        self.event("STOP")

    def raw(self, data: bytes) -> None:
        """Bytes of any kind."""
        assert self._connection is not None
        self._connection.sendall(data)

    def drop(self) -> None:
        """End the session, as a QEMU that is killed does."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def wait_for(self, command: str, times: int = 1) -> None:
        """Wait until a command has come."""
        end = time.monotonic() + 30
        while self.commands.count(command) < times:
            assert time.monotonic() < end, f"{command} did not come: {self.commands}"
            time.sleep(0.005)

    def take_lent(self) -> os.stat_result:
        """What the last descriptor is that was handed over; it is closed."""
        descriptor = self._lent.pop()
        try:
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    def fill_lent(self, size: int) -> dict[str, object]:
        """Make the file that was handed over large; gives an answer."""
        descriptor = self._lent.pop()
        os.ftruncate(descriptor, size)
        os.close(descriptor)
        return {}

    def close(self) -> None:
        """Nobody listens any more."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.drop()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, suppress(OSError, BrokenPipeError):
                self._connection, self.sessions = connection, self.sessions + 1
                self._session(connection)

    def _session(self, connection: socket.socket) -> None:
        if self.greeting is not None:
            connection.sendall(self.greeting)
        elif self.greets:
            self._send(_GREETING)
        waiting = ""
        while True:
            data, lent, _, _ = socket.recv_fds(connection, 1 << 16, 8)
            self._lent += lent
            if not data:
                return
            waiting = (waiting + data.decode()).lstrip()
            while waiting:
                try:
                    command, end = json.JSONDecoder().raw_decode(waiting)
                except ValueError:
                    break
                waiting = waiting[end:].lstrip()
                if not self._obey(command):
                    return

    def _obey(self, command: dict[str, object]) -> bool:
        name, arguments = str(command["execute"]), command.get("arguments") or {}
        assert isinstance(arguments, dict)
        self.asked.append((name, arguments))
        answer = self.answers[name] if name in self.answers else self._answer(name, arguments)
        if isinstance(answer, Callable):  # type: ignore[arg-type]
            answer = answer(arguments)  # type: ignore[operator]
        if answer is DROP:
            return False
        if isinstance(answer, bytes):
            self.raw(answer)
        elif answer is not SILENT:
            failed = isinstance(answer, dict) and "error" in answer
            reply = answer if failed else {"return": answer}
            assert isinstance(reply, dict)
            self._send({**reply, "id": command.get("id")})
        return True

    def _answer(self, name: str, arguments: dict[str, object]) -> object:
        if name == "query-status":
            return {"running": self.running, "status": "running" if self.running else self.status, "singlestep": False}
        if name == "query-name":
            return {"name": "scripted"}
        if name in ("stop", "cont"):
            self.running = name == "cont"
            self.event("RESUME" if self.running else "STOP")
        if name == "human-monitor-command":
            end = (max(self.pages) + 1) * _PAGE - 1
            return _MTREE.format(end=end) if arguments["command-line"] == "info mtree -f" else "unknown command\r\n"
        if name == "query-memdev":
            return []
        if name == "dump-guest-memory":
            self._dump(int(str(arguments["begin"])), int(str(arguments["length"])))
        return {}

    def _dump(self, begin: int, length: int) -> None:
        numbers = range(begin // _PAGE, (begin + length) // _PAGE)
        inside = {number: self.pages.get(number, bytes(_PAGE)) for number in numbers}
        descriptor = self._lent.pop()
        os.write(descriptor, elf_core(inside, qemu_note(self.registers), *self.core))
        os.close(descriptor)

    def _send(self, message: object) -> None:
        if self._connection is not None:
            self._connection.sendall(json.dumps(message).encode() + b"\r\n")


@contextmanager
def scripted(path: Path, pages: Mapping[int, bytes] | None = None, **registers: int) -> Iterator[ScriptedQemu]:
    """A scripted monitor, listening until the block is left."""
    server = ScriptedQemu(path, pages, **registers)
    try:
        yield server
    finally:
        server.close()
