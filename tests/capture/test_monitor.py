"""Sessions with monitors, good ones and bad ones."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smalldump.capture import monitor as monitor_module
from smalldump.capture.monitor import Monitor
from smalldump.errors import CommandRefused, MonitorLost
from tests.capture.conftest import run
from tests.capture.scripted import DROP, SILENT, ScriptedQemu, scripted


@pytest.fixture
def qemu(tmp_path: Path) -> Iterator[ScriptedQemu]:
    with scripted(tmp_path / "guest.qmp") as server:
        yield server


def in_session(qemu: ScriptedQemu, work: Callable[[Monitor], Awaitable[Any]], seconds: float = 5) -> Any:
    """The outcome of work in a session."""

    async def session() -> Any:
        monitor = await Monitor.open(qemu.path, seconds)
        try:
            return await work(monitor)
        finally:
            await monitor.close()

    return run(session())


def test_a_question_and_its_answer(qemu: ScriptedQemu) -> None:
    qemu.answers["query-name"] = {"name": "web01"}
    assert in_session(qemu, lambda monitor: monitor.ask("query-name")) == {"name": "web01"}
    assert qemu.commands == ["qmp_capabilities", "query-name"]


def test_who_is_on_the_other_side(qemu: ScriptedQemu) -> None:
    async def peer(monitor: Monitor) -> tuple[int, int]:
        return monitor.process, monitor.user

    assert in_session(qemu, peer) == (os.getpid(), os.getuid())


def test_qemu_says_no(qemu: ScriptedQemu) -> None:
    qemu.answers["set-action"] = {"error": {"class": "CommandNotFound", "desc": "The command has not been found"}}
    with pytest.raises(CommandRefused, match="set-action: The command has not been found"):
        in_session(qemu, lambda monitor: monitor.ask("set-action"))


def test_events_that_matter_come_in_order(qemu: ScriptedQemu) -> None:
    async def three(monitor: Monitor) -> list[str]:
        qemu.event("RTC_CHANGE", offset=1)
        qemu.panic()
        qemu.event("RESET", guest=True)
        return [(await monitor.event())["event"] for _ in range(3)]

    assert in_session(qemu, three) == ["GUEST_PANICKED", "STOP", "RESET"]


def test_a_flood_of_events_does_not_fill_memory(qemu: ScriptedQemu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor_module, "_MOST_EVENTS", 10)

    async def last(monitor: Monitor) -> list[object]:
        for number in range(100):
            qemu.event("STOP", number=number)
        await monitor.ask("query-status")
        return [(await monitor.event())["data"]["number"] for _ in range(10)]

    assert in_session(qemu, last) == list(range(90, 100))


def test_a_monitor_in_use_does_not_greet(qemu: ScriptedQemu) -> None:
    qemu.greets = False
    with pytest.raises(MonitorLost, match=r"libvirt, Proxmox, .* one client at a time; .* second -qmp socket"):
        in_session(qemu, lambda monitor: monitor.ask("query-name"), 0.1)


def test_more_than_one_wait_for_a_monitor_in_use(qemu: ScriptedQemu) -> None:
    qemu.greets = False

    async def crowd() -> list[BaseException | Monitor]:
        opened = [Monitor.open(qemu.path, 0.2) for _ in range(8)]
        return await asyncio.gather(*opened, return_exceptions=True)

    assert all(isinstance(each, MonitorLost) and "does not greet" in str(each) for each in run(crowd()))


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH\r\n", b"{}\n", b"[1]\n", b"\xff\xfe\n", b'{"QMP": 3}\n'])
def test_what_speaks_something_else(qemu: ScriptedQemu, greeting: bytes) -> None:
    qemu.greeting = greeting
    with pytest.raises(MonitorLost, match="does not speak QMP"):
        in_session(qemu, lambda monitor: monitor.ask("query-name"))


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(MonitorLost, match="No such file"):
        run(Monitor.open(tmp_path / "none.qmp"))
    with scripted(tmp_path / "guest.qmp") as server:
        pass
    with pytest.raises(MonitorLost, match="Connection refused"):
        run(Monitor.open(server.path))


def test_a_file_is_no_monitor(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o600)
    with pytest.raises(MonitorLost, match="Connection refused"):
        run(Monitor.open(tmp_path / "file"))


def test_a_path_that_no_socket_can_have(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    long.touch(0o600)
    with pytest.raises(MonitorLost, match="too long"):
        run(Monitor.open(long))


def test_a_socket_that_others_can_write(qemu: ScriptedQemu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor_module, "exposed", lambda _: "others can write to it (srwxrwxrwx)")
    with pytest.raises(MonitorLost, match=r"refused: others can write to it \(srwxrwxrwx\)"):
        run(Monitor.open(qemu.path))
    assert not qemu.sessions


def test_somebody_else_listens_there(qemu: ScriptedQemu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor_module, "_peer", lambda _: (1, 4321))
    with pytest.raises(MonitorLost, match=r"who listens there \(user 4321\) is not who owns it"):
        run(Monitor.open(qemu.path))


@pytest.mark.parametrize("answer", [DROP, b'{"return": \n', b"\0\n", b'{"error": {"class": "x"}}\n', b"[]\n"])
def test_a_session_that_ends_with_a_command(qemu: ScriptedQemu, answer: object) -> None:
    qemu.answers["query-name"] = answer
    with pytest.raises(MonitorLost, match="lost while waiting for query-name"):
        in_session(qemu, lambda monitor: monitor.ask("query-name"))


def test_no_answer_in_time(qemu: ScriptedQemu) -> None:
    qemu.answers["query-name"] = SILENT
    with pytest.raises(MonitorLost, match=r"no answer to query-name in 0\.1 seconds"):
        in_session(qemu, lambda monitor: monitor.ask("query-name", seconds=0.1))


def test_qemu_dies_while_events_are_awaited(qemu: ScriptedQemu) -> None:
    async def events(monitor: Monitor) -> None:
        qemu.event("STOP")
        qemu.drop()
        assert (await monitor.event())["event"] == "STOP"
        await monitor.event()

    with pytest.raises(MonitorLost, match="QEMU has gone"):
        in_session(qemu, events)


def test_commands_after_the_end(qemu: ScriptedQemu) -> None:
    async def late(monitor: Monitor) -> None:
        await monitor.close()
        await monitor.ask("query-name")

    with pytest.raises(MonitorLost, match="query-name"):
        in_session(qemu, late)


def test_text_that_is_none(qemu: ScriptedQemu) -> None:
    qemu.answers["human-monitor-command"] = {"no": "text"}
    with pytest.raises(CommandRefused, match="info mtree: the answer is no text"):
        in_session(qemu, lambda monitor: monitor.tell("info mtree"))


def test_descriptors_are_handed_over_and_given_back(qemu: ScriptedQemu) -> None:
    before = len(os.listdir("/proc/self/fd"))

    async def lent(monitor: Monitor) -> None:
        with Path(os.devnull).open("rb") as file:
            await monitor.lend("null", file.fileno())

    in_session(qemu, lent)
    assert qemu.asked[-1] == ("getfd", {"fdname": "null"})
    assert qemu.take_lent() == os.stat(os.devnull)
    qemu.close()
    assert len(os.listdir("/proc/self/fd")) < before


@pytest.mark.parametrize(
    "answer",
    [b"[" * 100_000 + b"\n", b'{"return": "\xff"}\n', b'{"return": ' + b"1" * 5000 + b"}\n", b"x" * (17 << 20) + b"\n"],
    ids=["nested", "no text", "a number of many digits", "endless"],
)
def test_no_answer_breaks_the_end_of_a_session(qemu: ScriptedQemu, answer: bytes) -> None:
    qemu.answers["query-name"] = answer
    with pytest.raises(MonitorLost, match="lost while waiting for query-name"):
        in_session(qemu, lambda monitor: monitor.ask("query-name"))


def test_a_session_that_is_given_up_while_it_ends_leaves_no_socket(
    qemu: ScriptedQemu, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def session() -> None:
        monitor = await Monitor.open(qemu.path)
        leave = monitor._client.disconnect
        monkeypatch.setattr(monitor._client, "disconnect", lambda: asyncio.sleep(60))
        closing = asyncio.ensure_future(monitor.close())
        await asyncio.sleep(0.01)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert monitor._connection.fileno() == -1
        await leave()

    run(session())
