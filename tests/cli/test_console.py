"""Output on real pipes, encodings and terminals."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, command, environment
from tests.synth import x64_dump

NAME = "Absturz-ä-日本-💥.dmp"
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals and /dev are of POSIX")


def output_to(stdout: int, *arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(),
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    "arguments",
    [["analyze", "-v"], ["analyze", "--format", "json"], ["analyze", "--jobs", "2"], ["show"], ["check"]],
    ids=" ".join,
)
def test_a_closed_pipe_ends_it_quietly(reader_gone: int, folder: Path, arguments: list[str]) -> None:
    path = folder / "a-2026.dmp"
    paths = [path] if arguments[0] == "show" else [path, folder / "b-2008.dmp"]
    assert output_to(reader_gone, *arguments, *paths) == (0, "")


@posix_only
def test_a_pipe_closed_half_way_ends_it_quietly(dump: Path) -> None:
    with subprocess.Popen(
        command("analyze", "-v", *[dump] * 40), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@posix_only
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize(
    "arguments",
    [["analyze", "DUMP"], ["show", "DUMP"], ["check", "DUMP"], ["show", "--help"], ["--version"]],
    ids=" ".join,
)
def test_a_full_disk_is_told(dump: Path, arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        code, err = output_to(full.fileno(), *(dump if each == "DUMP" else each for each in arguments))
    assert code == 5
    assert err.startswith("smalldump: the output could not be written: ")
    assert err.count("\n") == 1


@posix_only
def test_streams_that_are_closed_do_no_harm(dump: Path) -> None:
    line = f'"{sys.executable}" -m smalldump check "{dump}" - <&- >&- 2>&-'
    assert subprocess.run(["/bin/sh", "-c", line], env=environment(), check=False, timeout=60).returncode == 3


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", r"Absturz-\xe4-\u65e5\u672c-\U0001f4a5.dmp"),
        ("cp1252", r"Absturz-ä-\u65e5\u672c-\U0001f4a5.dmp"),
        ("cp437", r"Absturz-ä-\u65e5\u672c-\U0001f4a5.dmp"),
        ("utf-8", NAME),
    ],
)
def test_characters_that_an_encoding_lacks(tmp_path: Path, encoding: str, shown: str) -> None:
    x64_dump().save(tmp_path, NAME)
    (tmp_path / f"bad-{NAME}").write_bytes(b"")
    done = subprocess.run(
        command("analyze", tmp_path),
        capture_output=True,
        env=environment(PYTHONIOENCODING=encoding),
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert shown in done.stdout.decode(encoding)
    assert f"bad-{shown}" in done.stderr.decode(encoding)


@posix_only
def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/bad-\xff.dmp"
    try:
        with open(path, "wb") as file:
            file.write(x64_dump().bytes)
    except OSError:
        pytest.skip("this file system takes only names that are text")
    done = subprocess.run(
        [*map(os.fsencode, command("check")), path], capture_output=True, env=environment(), timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(rb"bad-\udcff.dmp: whole" + os.linesep.encode())


@pytest.mark.parametrize("columns", [40, 60, 80, 132])
def test_the_table_fits_the_screen(run: Run, folder: Path, columns: int) -> None:
    out = run("analyze", folder, COLUMNS=str(columns)).out
    table = out[out.rindex("\n\n") :].splitlines()
    assert len(table) > 3
    assert max(map(len, table)) <= columns


def test_a_silly_width_is_no_width(run: Run, folder: Path) -> None:
    for columns in ("0", "1", "-5", "many"):
        assert run("analyze", folder, COLUMNS=columns).code == 3


@posix_only
@pytest.mark.parametrize(
    ("name", "value", "coloured"),
    [("NO_COLOR", "", True), ("NO_COLOR", "1", False), ("TERM", "vt100", True), ("TERM", "dumb", False)],
)
def test_colours_only_where_they_are_wanted(dump: Path, name: str, value: str, coloured: bool) -> None:
    assert ("\x1b[" in on_terminal("check", dump, env={name: value})) is coloured


def test_no_colours_in_pipes(start: Run, dump: Path) -> None:
    ran = start("check", dump, "nowhere.dmp", TERM="xterm-256color")
    assert "\x1b" not in ran.out + ran.err


@posix_only
@pytest.mark.parametrize(("count", "shown"), [(3, False), (20, True)])
def test_progress_shows_on_a_terminal_for_more_than_a_handful(dump: Path, count: int, shown: bool) -> None:
    seen = on_terminal("analyze", "--format", "jsonl", *[dump] * count, "nowhere.dmp", stdout=subprocess.DEVNULL)
    assert shows_progress(seen) is shown
    assert "nowhere.dmp: no such file or folder" in seen


@posix_only
def test_progress_counts_the_files_of_folders(folder: Path, dump: Path) -> None:
    for number in range(20):
        (folder / f"copy-{number:02}.dmp").write_bytes(dump.read_bytes())
    seen = on_terminal("analyze", "--format", "jsonl", folder, stdout=subprocess.DEVNULL)
    shares = [int(share) for share in re.findall(r"(\d+) %", seen)]
    assert shares == sorted(shares)
    assert 50 < shares[-1] <= 100


@posix_only
def test_progress_leaves_the_output_on_the_same_terminal_whole(dump: Path) -> None:
    seen = on_terminal("check", *[dump] * 20)
    assert shows_progress(seen)
    bare = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen).replace("\r\n", "\n")
    assert len([line for line in bare.split("\n") if line.endswith(f"{dump}: whole")]) == 20


def shows_progress(seen: str) -> bool:
    """Whether a terminal was sent a line that counts dumps."""
    return re.search(r" \d+ dumps ", seen.replace("\x1b[0m", "")) is not None


def on_terminal(*arguments: object, stdout: int | None = None, env: dict[str, str] | None = None) -> str:
    """What a terminal of 200 columns is sent, by standard error and, unless told otherwise, by standard output."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    process = subprocess.Popen(
        command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        env=environment(**{"TERM": "xterm-256color"} | (env or {})),
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:
        pass  # Linux says EIO where the other end has been closed.
    os.close(ours)
    process.wait(60)
    return seen.decode()
