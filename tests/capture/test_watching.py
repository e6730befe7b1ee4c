"""Watching guests, with a monitor that follows a script."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from smalldump.capture import taking
from smalldump.capture import watching as module
from smalldump.capture.address import GuestAddress
from smalldump.capture.on_demand import capture
from smalldump.capture.taking import Wish
from smalldump.checking import check
from smalldump.errors import CommandRefused, StoreError
from smalldump.layout.dump import Attributes
from smalldump.minidumps import MinidumpDirectory, Reserve, recover_reserve
from smalldump.sources.small import SmallDump
from tests.capture.conftest import Watching, header_registers, run
from tests.capture.scripted import DROP, ScriptedQemu
from tests.capture.windows import IDT, kpcr, windows_memory
from tests.synth.imaged import imaged

Guests = Callable[..., ScriptedQemu]
HYPER_V = {"type": "hyper-v", "arg1": 0x7E, "arg2": 0xFFFFFFFFC0000005, "arg3": 2, "arg4": 3, "arg5": 4}


@cache
def memory(*, stopped: bool) -> tuple[dict[int, bytes], dict[str, int]]:
    """Physical memory of a Windows, and the registers of its processor."""
    machine = windows_memory(1, stopped=stopped)
    facts = machine.facts
    registers = {"cr0": 0x80050033, "cr3": machine.tables.root, "cr4": 0x620, "idt": IDT, "gs_base": kpcr(machine, 0)}
    registers |= {"rip": facts.kernel.base + 0x3FDFD0, "rsp": facts.stack.low, "rbx": 0x1234}
    return {address: bytes(page) for address, page in machine.tables.memory.items()}, registers


@pytest.fixture
def guests(tmp_path: Path) -> Iterator[Guests]:
    """Make guests: `guests("web", stopped=True)`."""
    with ExitStack() as all_of_them:

        def guest(name: str = "guest", *, stopped: bool = True, windows: bool = True) -> ScriptedQemu:
            pages, registers = memory(stopped=stopped)
            if not windows:
                pages, registers = {0: bytes(0x1000)}, {"rip": 0xFFF0, "rsp": 0x80}
            server = ScriptedQemu(tmp_path / f"{name}.qmp", pages, **registers)
            all_of_them.callback(server.close)
            return server

        yield guest


@pytest.fixture
def guest(guests: Guests) -> ScriptedQemu:
    return guests()


def opened(path: str | Path) -> SmallDump:
    return SmallDump(memoryview(Path(path).read_bytes()))


def test_from_the_panic_to_the_file(guest: ScriptedQemu, watching: Watching) -> None:
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.panic()
        dump = watched.wait_for("dump")
        guest.wait_for("cont")
    assert [event["event"] for event in watched.events] == ["attached", "panic_action", "crash", "let_go", "dump"]
    assert {event["guest"] for event in watched.events} == {"scripted"}
    assert ("set-action", {"panic": "pause"}) in guest.asked
    assert dump["bug_check"]["code"] == "0xd1"
    assert dump["memory"]["by"] == "monitor"
    assert dump["limits"] is None
    assert check(memoryview(Path(dump["path"]).read_bytes())).state.name == "WHOLE"
    assert opened(dump["path"]).dump.comment == "smalldump, from the virtual machine scripted"
    assert guest.running


def test_hyper_v_tells_the_bug_check(guests: Guests, watching: Watching) -> None:
    guest = guests(stopped=False)
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.panic(**HYPER_V)
        dump = watched.wait_for("dump")
    parameters = ["0xffffffffc0000005", "0x2", "0x3", "0x4"]
    assert watched.of("crash")[0]["bug_check"] == dump["bug_check"] == {"code": "0x7e", "parameters": parameters}
    machine = opened(dump["path"])
    assert machine.bug_check == (0x7E, (0xFFFFFFFFC0000005, 2, 3, 4))
    assert header_registers(machine).values["rbx"] == 0x1234


def test_what_windows_has_written_counts_more(guest: ScriptedQemu, watching: Watching) -> None:
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.panic(**HYPER_V)
        assert watched.wait_for("dump")["bug_check"]["code"] == "0xd1"


@pytest.mark.parametrize("info", [{"type": "s390"}, {"type": "hyper-v"}, HYPER_V | {"arg3": "x"}])
def test_crash_registers_that_make_no_sense(guests: Guests, watching: Watching, info: dict[str, object]) -> None:
    guest = guests(stopped=False)
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.panic(**info)
        assert watched.wait_for("dump")["bug_check"] is None


def test_no_kernel_but_what_the_host_knows(guests: Guests, watching: Watching) -> None:
    guest = guests(windows=False)
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.panic(**HYPER_V)
        dump = watched.wait_for("dump")
    assert dump["limits"].startswith("no Windows in the guest")
    machine = opened(dump["path"])
    assert machine.bug_check == (0x7E, (0xFFFFFFFFC0000005, 2, 3, 4))
    assert header_registers(machine).pc == 0xFFF0
    assert machine.memory.read(0x80, 0x80) == bytes(0x80)


def test_a_guest_that_stopped_before(guest: ScriptedQemu, watching: Watching) -> None:
    guest.running, guest.status = False, "guest-panicked"
    with watching(guest.path) as watched:
        watched.wait_for("dump")
    assert watched.of("crash")[0]["reason"] == "late_attach"


def test_a_guest_that_somebody_paused_is_left_alone(guest: ScriptedQemu, watching: Watching) -> None:
    guest.running = False
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.event("STOP")
        guest.event("SHUTDOWN", guest=True, reason="guest-shutdown")
        watched.wait_for("shutdown")
    assert not watched.of("crash")
    assert "cont" not in guest.commands


def test_crash_loaded_leaves_the_guest_running_until_it_is_stopped(guest: ScriptedQemu, watching: Watching) -> None:
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.event("GUEST_CRASHLOADED", action="run")
        watched.wait_for("dump")
    assert watched.of("crash")[0]["reason"] == "guest_crashloaded"
    assert guest.commands.index("stop") < guest.commands.index("dump-guest-memory") < guest.commands.index("cont")


@pytest.mark.parametrize(
    ("afterwards", "commands"),
    [("cont", ["cont"]), ("reset", ["system_reset", "cont"]), ("pause", []), ("quit", ["quit"])],
)
def test_what_becomes_of_the_guest(
    guest: ScriptedQemu, watching: Watching, afterwards: str, commands: list[str]
) -> None:
    with watching(guest.path, afterwards=afterwards) as watched:
        guest.wait_for("query-status")
        guest.panic()
        watched.wait_for("dump")
    assert [name for name in guest.commands if name in ("cont", "system_reset", "quit")] == commands
    assert watched.of("let_go")[0]["afterwards"] == afterwards


def test_the_same_guest_twice(guest: ScriptedQemu, watching: Watching) -> None:
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.panic()
        watched.wait_for("dump")
        guest.panic()
        watched.wait_for("dump", 2)
    paths = {event["path"] for event in watched.of("dump")}
    assert len(paths) == 2
    assert all(check(memoryview(Path(path).read_bytes())).state.name == "WHOLE" for path in paths)


def test_two_guests_in_the_same_moment(
    guests: Guests, watching: Watching, minidump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smalldump.minidumps.directory.host_uptime_ms", lambda: 1000)
    web, mail = guests("web"), guests("mail")
    with watching(GuestAddress(web.path, "web"), GuestAddress(mail.path, "mail")) as watched:
        for guest in (web, mail):
            guest.wait_for("query-status")
        for guest in (web, mail):
            guest.panic()
        watched.wait_for("dump", 2)
    assert {event["guest"] for event in watched.of("dump")} == {"web", "mail"}
    assert sorted(path.name for path in minidump.iterdir()) == ["033124-1000-01.dmp", "033124-1000-02.dmp"]


def test_a_guest_left_as_it_is_gives_one_dump(guest: ScriptedQemu, watching: Watching) -> None:
    with watching(guest.path, afterwards="pause") as watched:
        guest.wait_for("query-status")
        guest.panic()
        watched.wait_for("dump")
        guest.drop()
        watched.wait_for("attached", 2)
        guest.event("SHUTDOWN")
        watched.wait_for("shutdown")
        assert len(watched.of("crash")) == 1
        guest.event("RESUME")
        guest.panic()
        watched.wait_for("dump", 2)


def test_sessions_are_begun_again(guest: ScriptedQemu, watching: Watching) -> None:
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.drop()
        watched.wait_for("attached", 2)
        guest.panic()
        watched.wait_for("dump")
    assert "QEMU has gone" in watched.of("lost")[0]["why"]


def test_a_guest_that_is_not_there_yet(guests: Guests, watching: Watching, tmp_path: Path) -> None:
    with watching(tmp_path / "late.qmp") as watched:
        watched.wait_for("unreachable")
        guest = guests("late")
        watched.wait_for("attached")
        guest.wait_for("query-status")
    assert len(watched.of("unreachable")) == 1
    assert "No such file" in watched.of("unreachable")[0]["why"]


def test_a_monitor_in_use(guest: ScriptedQemu, watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    guest.greets = False
    monkeypatch.setattr("smalldump.capture.monitor._GREETING_SECONDS", 0.1)
    with watching(guest.path) as watched:
        assert "second -qmp socket" in watched.wait_for("unreachable")["why"]


def test_a_qemu_without_panic_actions(guest: ScriptedQemu, watching: Watching) -> None:
    guest.answers["set-action"] = {"error": {"class": "CommandNotFound", "desc": "not found"}}
    with watching(guest.path) as watched:
        told = watched.wait_for("panic_action")
        guest.wait_for("query-status")
        guest.panic()
        watched.wait_for("dump")
    assert told["action"] is None
    assert "a panic may end QEMU" in told["why"]


@pytest.mark.parametrize("command", ["dump-guest-memory", "human-monitor-command", "getfd", "cont"])
def test_qemu_dies_midway(guest: ScriptedQemu, watching: Watching, command: str) -> None:
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.answers[command] = DROP
        guest.panic()
        watched.wait_for("lost" if command != "cont" else "not_let_go")
        if command == "cont":
            watched.wait_for("dump")
        watched.wait_for("attached", 2)


def test_a_guest_that_was_stopped_goes_on_in_the_next_session(guest: ScriptedQemu, watching: Watching) -> None:
    guest.answers["dump-guest-memory"] = DROP
    with watching(guest.path) as watched:
        watched.wait_for("panic_action")
        guest.event("GUEST_CRASHLOADED", action="run")
        watched.wait_for("lost")
        watched.wait_for("let_go")
    assert watched.of("not_let_go")
    assert guest.commands.count("stop") == guest.commands.count("cont") == 1
    assert guest.running


@pytest.mark.parametrize("status", [None, [], {"running": "yes"}, "running"])
def test_a_status_that_makes_no_sense(guest: ScriptedQemu, watching: Watching, status: object) -> None:
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.answers["query-status"] = status
        guest.panic()
        assert "query-status: the answer makes no sense" in watched.wait_for("lost")["why"]


@pytest.mark.parametrize("name", [None, 3, {"name": 3}, {"name": ""}, {}])
def test_a_name_that_is_none(guest: ScriptedQemu, watching: Watching, name: object) -> None:
    guest.answers["query-name"] = name
    with watching(guest.path) as watched:
        assert watched.wait_for("attached")["guest"] == "guest"


def test_no_dump_but_the_guest_goes_on(guest: ScriptedQemu, watching: Watching) -> None:
    guest.answers["dump-guest-memory"] = {"error": {"class": "GenericError", "desc": "no room"}}
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.panic()
        assert "no room" in watched.wait_for("not_captured")["why"]
        watched.wait_for("let_go")
    assert guest.running


def test_a_mistake_of_ours_does_not_keep_the_guest(
    guest: ScriptedQemu, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "take", lambda *_: 1 // 0)
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.panic()
        assert "internal error: ZeroDivisionError" in watched.wait_for("not_captured")["why"]
        watched.wait_for("let_go")
    assert guest.running


def test_a_guest_that_talks_nonsense_costs_no_other_its_watch(guests: Guests, watching: Watching) -> None:
    bad, good = guests("bad"), guests("good")
    bad.answers["query-status"] = b"[" * 100_000 + b"\n"
    with watching(bad.path, good.path) as watched:
        watched.wait_for("lost")
        good.panic()
        assert watched.wait_for("dump")["guest"] == "scripted"


def test_a_mistake_of_ours_with_one_guest_begins_its_session_again(
    guest: ScriptedQemu, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_told_bug_check", lambda _: 1 // 0)
    with watching(guest.path) as watched:
        watched.wait_for("panic_action")
        guest.panic()
        assert "internal error: ZeroDivisionError" in watched.wait_for("lost")["why"]
        assert watched.wait_for("dump")["bug_check"]


def test_a_watch_that_ends_midway_finishes_the_dump(
    guest: ScriptedQemu, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.panic()
        watched.wait_for("crash")
    assert len(watched.of("dump")) == 1
    assert guest.running


def test_a_full_disk_fills_the_reserve(
    guest: ScriptedQemu, watching: Watching, minidump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Reserve(minidump).make(256 * 1024, slots=1)
    full = StoreError(str(minidump), "cannot save here: No space left on device")

    def no_room(*_: object) -> None:
        raise full

    monkeypatch.setattr(MinidumpDirectory, "save", no_room)
    with watching(guest.path) as watched:
        guest.wait_for("query-status")
        guest.panic()
        dump = watched.wait_for("dump")
        guest.panic()
        lost = watched.wait_for("not_written")
    assert dump["reserve"] == {"why": full.why, "slots_left": 0}
    assert lost["why"].endswith(
        "nor in the reserve: no slot of the reserve is empty (1 in use): run `smalldump recover`"
    )
    monkeypatch.undo()
    assert len(list(recover_reserve(MinidumpDirectory(minidump)))) == 1
    assert [check(memoryview(path.read_bytes())).state.name for path in minidump.glob("*.dmp")] == ["WHOLE"]


def test_the_hook_gets_each_dump(guest: ScriptedQemu, watching: Watching, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = "import os, sys; open(sys.argv[1], 'a').write(os.environ['SMALLDUMP_EVENT'] + sys.argv[2])"
    with watching(guest.path, hook=(sys.executable, "-c", code, str(out))) as watched:
        guest.wait_for("query-status")
        guest.panic()
        dump = watched.wait_for("dump")
    assert out.read_text() == watched.lines[watched.events.index(dump)] + dump["path"]
    assert watched.of("hook")[0]["trouble"] is None


def test_size_and_profile(guest: ScriptedQemu, watching: Watching) -> None:
    with watching(guest.path, wish=Wish(size=65536)) as watched:
        guest.wait_for("query-status")
        guest.panic()
        assert watched.wait_for("dump")["size"] == 65536


def test_a_dump_on_demand_is_no_crash(guests: Guests, minidump: Path) -> None:
    guest = guests()
    found = run(capture(GuestAddress(guest.path), minidump, Wish()))
    assert found.ran
    assert guest.commands.index("stop") < guest.commands.index("dump-guest-memory") < guest.commands.index("cont")
    machine = opened(found.written.path)
    assert machine.bug_check == (0x161, (0, 0, 0, 0))
    assert machine.dump.attributes == Attributes.LIVE_DUMP_GENERATED_DUMP
    assert header_registers(machine).values["rbx"] == 0x1234
    assert "set-action" not in guest.commands
    assert check(memoryview(found.written.path.read_bytes())).state.name == "WHOLE"


def test_a_dump_on_demand_of_a_guest_that_stands_still(guests: Guests, minidump: Path) -> None:
    guest = guests()
    guest.running, guest.status = False, "guest-panicked"
    found = run(capture(GuestAddress(guest.path), minidump, Wish()))
    assert not found.ran
    assert not {"stop", "cont"} & set(guest.commands)
    assert opened(found.written.path).bug_check.code == 0xD1


def test_a_dump_on_demand_that_fails_lets_the_guest_go_on(guests: Guests, minidump: Path) -> None:
    guest = guests()
    guest.answers["dump-guest-memory"] = {"error": {"class": "GenericError", "desc": "no room"}}
    with pytest.raises(CommandRefused, match="no room"):
        run(capture(GuestAddress(guest.path), minidump, Wish()))
    assert guest.running


def test_what_may_become_of_a_guest_has_words() -> None:
    assert list(taking.AFTERWARDS) == ["cont", "reset", "pause", "quit"]


def test_a_long_name_fits_into_the_header(guest: ScriptedQemu, watching: Watching) -> None:
    """With what the writer itself has to say of a dump of 64 KB."""
    guest.answers["query-name"] = {"name": "w\u00e4b" * 500}
    with watching(guest.path, wish=Wish(size=65536)) as watched:
        guest.wait_for("query-status")
        guest.panic()
        dump = watched.wait_for("dump")
    assert dump["guest"] == ("w\u00e4b" * 500)[:64]
    comment = opened(dump["path"]).dump.comment
    assert isinstance(comment, str)
    assert comment.startswith("smalldump, from the virtual machine w?bw?b")


def test_a_guest_of_32_bits(tmp_path: Path, watching: Watching) -> None:
    machine = imaged("x86")
    facts = machine.facts
    pages = {address: bytes(page) for address, page in machine.tables.memory.items()}
    registers = {"rip": facts.kernel.base + 0x1000, "rsp": facts.stack.low, "cr3": machine.tables.root}
    registers |= {"cr0": 0x8001003B, "cr4": 0x6F9 if machine.mode == "PAE" else 0x6D9}
    server = ScriptedQemu(tmp_path / "xp.qmp", pages, **registers)
    server.core = (32, 3)
    try:
        with watching(server.path) as watched:
            server.wait_for("query-status")
            server.panic()
            dump = watched.wait_for("dump")
    finally:
        server.close()
    found = opened(dump["path"])
    assert (dump["size"], dump["profile"], dump["limits"]) == (65536, "classic", None)
    assert found.machine.name == "x86"
    assert found.bug_check.code == facts.bug_check[0]
    assert check(memoryview(Path(dump["path"]).read_bytes())).state.name == "WHOLE"


def test_a_guest_of_32_bits_without_windows(tmp_path: Path, watching: Watching) -> None:
    server = ScriptedQemu(tmp_path / "dos.qmp", {0: bytes(0x1000)}, rip=0x7C00, rsp=0x400, rbx=0x1234)
    server.core = (32, 3)
    try:
        with watching(server.path) as watched:
            server.wait_for("query-status")
            server.panic()
            dump = watched.wait_for("dump")
    finally:
        server.close()
    registers = header_registers(opened(dump["path"]))
    assert (registers.pc, registers.values["ebx"], dump["size"]) == (0x7C00, 0x1234, 65536)
