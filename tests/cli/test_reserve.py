"""`reserve`: slots that are made, those that are there, and what the file system promises."""

from __future__ import annotations

import json
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from smalldump.minidumps import Made, Promise, Reserve, SlotState
from smalldump.minidumps.slot import DATA_OFFSET
from smalldump.model import Absent
from tests.cli.conftest import Run
from tests.minidumps.disks import contents
from tests.minidumps.test_full_disk import fill_up
from tests.synth import x64_dump

FIRST, SECOND = "smalldump-1.reserve", "smalldump-2.reserve"


def test_two_slots_of_64_kilobytes(run: Run, tmp_path: Path) -> None:
    code, out, err = run("reserve", tmp_path, "--size", "64K")
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == [
        f"{tmp_path}: a reserve of 2 slots",
        f"  {FIRST}: new, empty, for a dump of up to 65,536 bytes",
        f"  {SECOND}: new, empty, for a dump of up to 65,536 bytes",
    ]
    assert out.splitlines()[3].startswith("Promise   ")
    assert {name: len(data) for name, data in contents(tmp_path).items()} == dict.fromkeys(
        (FIRST, SECOND), DATA_OFFSET + 65_536
    )


def test_what_is_there_stays(run: Run, tmp_path: Path) -> None:
    run("reserve", tmp_path, "--size", "256K", "--slots", "1")
    Reserve(tmp_path).fill(x64_dump().bytes)
    before = contents(tmp_path)
    out = run("reserve", tmp_path, "--size", "64K", "--slots", "2").out
    assert f"  {FIRST}: was there already, holds a dump, for a dump of up to 262,144 bytes\n" in out
    assert f"  {SECOND}: new, empty, for a dump of up to 65,536 bytes\n" in out
    assert contents(tmp_path)[FIRST] == before[FIRST]


def test_as_json(run: Run, tmp_path: Path) -> None:
    told = json.loads(run("reserve", tmp_path, "--size", "0x10000", "--slots", "1", "--format", "json").out)
    assert told["slots"] == [{"path": str(tmp_path / FIRST), "new": True, "state": "empty", "capacity": 65_536}]
    assert set(told["promise"]) == {"file_system", "keeps", "words"}


@pytest.mark.parametrize(
    ("promise", "words"),
    [
        (Promise("ext4", True, "ext4 overwrites in place"), "needs no free space (ext4 overwrites in place)"),
        (
            Promise("zfs", False, "ZFS writes every change to free space"),
            "NONE: on a full disk, filling a slot may fail",
        ),
        (Promise(Absent.UNSUPPORTED, Absent.UNSUPPORTED, "nobody\x1b knows"), r"not known: whether filling a slot"),
    ],
)
def test_the_promise_in_words(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promise: Promise, words: str
) -> None:
    make = Reserve.make

    def made(reserve: Reserve, size: int | None = None, slots: int = 2) -> Made:
        found = make(reserve, size, slots)
        return Made(found.slots, found.new, promise)

    monkeypatch.setattr(Reserve, "make", made)
    code, out, _ = run("reserve", tmp_path, "--size", "64K", COLUMNS="200")
    assert code == 0
    assert words in out
    assert "\x1b" not in out
    told = json.loads(run("reserve", tmp_path, "--size", "64K", "--format", "json").out)["promise"]
    assert told["keeps"] in (True, False, {"absent": "unsupported"})
    assert told["words"] == promise.words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "15K"], "from 16K to 64M"),
        (["--size", "65M"], "from 16K to 64M"),
        (["--size", "much"], "no size: 'much'"),
        (["--slots", "0"], "--slots"),
        (["--slots", "1001"], "--slots"),
        (["second"], "second"),
    ],
)
def test_wrong_usage(run: Run, tmp_path: Path, arguments: list[str], words: str) -> None:
    code, out, err = run("reserve", tmp_path, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert contents(tmp_path) == {}


def test_the_limits_are_those_of_the_reserve(tmp_path: Path) -> None:
    module = import_module("smalldump.cli.reserve")
    for size, slots in ((module._SMALLEST - 1, 1), (module._LARGEST + 1, 1), (None, module._MOST_SLOTS + 1)):
        with pytest.raises(ValueError, match="cannot reserve"):
            Reserve(tmp_path).make(size, slots)


def test_a_slot_that_is_too_small_or_damaged(run: Run, tmp_path: Path) -> None:
    run("reserve", tmp_path, "--size", "64K")
    code, out, err = run("reserve", tmp_path, "--size", "128K")
    assert (code, out) == (5, "")
    assert "was made for 0x10000 bytes" in err
    (tmp_path / FIRST).write_bytes(b"overwritten by somebody")
    code, out, err = run("reserve", tmp_path, "--size", "64K")
    assert (code, out) == (5, "")
    assert "this slot is damaged" in err


def test_a_folder_that_is_missing_full_or_read_only(run: Run, tmp_path: Path, small_disk: Path) -> None:
    assert run("reserve", tmp_path / "nowhere").code == 5
    everything = fill_up(small_disk)
    code, out, err = run("reserve", small_disk)
    assert (code, out) == (5, "")
    assert "No space left on device" in err
    assert [path for path in small_disk.iterdir() if path != everything] == []
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "Read-only file system" in run("reserve", small_disk).err


def test_in_a_process_of_its_own(start: Run, tmp_path: Path) -> None:
    assert start("reserve", tmp_path, "--slots", "3").code == 0
    assert [slot.status.state for slot in Reserve(tmp_path).slots()] == [SlotState.EMPTY] * 3
