"""`watch` and `capture`: from the command line to the dump."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from smalldump.checking import check
from smalldump.cli import guests
from tests.capture.scripted import ScriptedQemu
from tests.capture.test_watching import memory
from tests.cli.conftest import Run


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[ScriptedQemu]:
    pages, registers = memory(stopped=True)
    server = ScriptedQemu(tmp_path / "web01.qmp", pages, **registers)
    yield server
    server.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "Minidump"
    made.mkdir()
    return made


def test_events_are_lines_of_json_until_the_watch_is_ended(guest: ScriptedQemu, folder: Path) -> None:
    command = [sys.executable, "-m", "smalldump", "watch", f"qmp:web={guest.path}", "-o", str(folder)]
    program = [*command, "--then", "pause", "--exec", "/bin/echo 'a b'"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        events = [json.loads(process.stdout.readline()) for _ in range(2)]
        guest.wait_for("query-status")
        guest.panic()
        events += [json.loads(process.stdout.readline()) for _ in range(4)]
        process.send_signal(signal.SIGTERM)
        rest, told = process.communicate(timeout=30)
    assert [each["event"] for each in events] == ["attached", "panic_action", "crash", "let_go", "dump", "hook"]
    assert {each["guest"] for each in events} == {"web"}
    assert all(each["time"].endswith("Z") for each in events)
    dump = Path(events[4]["path"])
    assert dump.parent == folder
    assert check(memoryview(dump.read_bytes())).state.name == "WHOLE"
    assert (process.returncode, rest) == (0, "")
    assert f"a b {dump}" in told
    assert "has no reserve" in told
    assert "cont" not in guest.commands


def test_capture_says_what_it_did(guest: ScriptedQemu, folder: Path, run: Run) -> None:
    code, out, err = run("capture", f"qmp:{guest.path}", "-o", folder)
    assert (code, err) == (0, "")
    (dump,) = folder.iterdir()
    lines = out.splitlines()
    assert lines[0].startswith(f"{dump}: small memory dump, x64, modern, ")
    assert "Memory    by its monitor (needs: nothing but the monitor)" in lines
    assert any(line.startswith("          not by its shared memory file: ") for line in lines)
    assert lines[-1].startswith("Guest     stood still for ")
    assert lines[-1].endswith("; goes on")


def test_capture_as_json(guest: ScriptedQemu, folder: Path, run: Run) -> None:
    told = json.loads(run("capture", f"qmp:web={guest.path}", "-o", folder, "--size", "64K", "--format", "json").out)
    assert (told["guest"], told["ran"], told["size"], told["reserve"]) == ("web", True, 65536, None)
    assert told["bug_check"] == {"code": "0x161", "parameters": ["0x0"] * 4}
    assert told["memory"]["by"] == "monitor"
    assert [way["by"] for way in told["memory"]["passed_over"]] == ["memory_file", "process_memory"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_capture_that_is_ended_lets_the_guest_go_on(guest: ScriptedQemu, folder: Path, number: int) -> None:
    ended = threading.Event()
    guest.answers["dump-guest-memory"] = lambda _: ended.wait(30) and {"error": {"class": "x", "desc": "too late"}}
    command = [sys.executable, "-m", "smalldump", "capture", f"qmp:{guest.path}", "-o", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        guest.wait_for("dump-guest-memory")
        process.send_signal(number)
        ended.set()
        out, _ = process.communicate(timeout=30)
    assert process.returncode
    assert not out
    assert guest.running


def test_a_guest_that_cannot_be_reached(tmp_path: Path, folder: Path, run: Run) -> None:
    code, out, err = run("capture", f"qmp:{tmp_path}/none.qmp", "-o", folder)
    assert (code, out) == (3, "")
    assert err == f"smalldump: {tmp_path}/none.qmp: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["/run/vm.qmp"], "expected qmp:SOCKET"),
        (["qmp:/run/vm.qmp", "qmp:again=/run/vm.qmp"], "the same socket twice"),
        (["qmp:/run/vm.qmp", "--exec", "'unclosed"], "No closing quotation"),
        (["qmp:/run/vm.qmp", "--size", "1G"], "no size"),
        (["qmp:/run/vm.qmp", "--size", "65M"], "no size of a small memory dump"),
        (["qmp:/run/vm.qmp", "--then", "explode"], "explode"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage(folder: Path, run: Run, arguments: list[str], why: str) -> None:
    code, out, err = run("watch", "-o", folder, *arguments)
    assert (code, out) == (2, "")
    assert why in err


@pytest.mark.parametrize("command", ["watch", "capture"])
def test_a_folder_must_be_named_and_be_there(tmp_path: Path, run: Run, command: str) -> None:
    assert run(command, "qmp:/run/vm.qmp").code == 2
    assert run(command, "qmp:/run/vm.qmp", "-o", tmp_path / "none").code == 2


@pytest.mark.parametrize("command", ["watch", "capture"])
def test_without_the_library(folder: Path, run: Run, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests, "find_spec", lambda _: None)
    code, _, err = run(command, "qmp:/run/vm.qmp", "-o", folder)
    assert code == 2
    assert "pip install 'smalldump[watch]'" in err


def test_on_another_system(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert "on Linux hosts only" in run("capture", "qmp:/run/vm.qmp", "-o", folder).err


def test_nobody_hears_the_events(guest: ScriptedQemu, folder: Path) -> None:
    """Dumps are written all the same."""
    command = [sys.executable, "-m", "smalldump", "watch", f"qmp:{guest.path}", "-o", str(folder)]
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE) as process:
        os.close(writer)
        guest.wait_for("query-status")
        guest.panic()
        guest.wait_for("cont")
        process.terminate()
        _, told = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"an event could not be told" in told
    assert len(list(folder.iterdir())) == 1
