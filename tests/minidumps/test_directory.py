"""The Minidump directory: names, listing, retention."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from smalldump.errors import FormatError, StoreError
from smalldump.minidumps import CrashDate, DateSource, FileState, MinidumpDirectory, parse_name
from tests.minidumps.disks import Failing, contents
from tests.synth import Dump, filetime, win2000_dump, x64_dump, x86_dump

ROOT = Path(__file__).parents[2]
DUMP = x64_dump()


def crashed(at: str, **facts: object) -> Dump:
    """A dump of a crash at that time, UTC."""
    return x64_dump(system_time=filetime(at), **facts)


def test_names_follow_the_dump(tmp_path: Path) -> None:
    directory = MinidumpDirectory(tmp_path)
    names = [
        directory.save(dump.bytes, uptime_ms=8765).path.name
        for dump in (DUMP, DUMP, win2000_dump(), win2000_dump(), x86_dump())
    ]
    assert names == [
        "112226-8765-01.dmp",
        "112226-8765-02.dmp",
        "Mini022900-01.dmp",
        "Mini022900-02.dmp",
        "Mini041408-01.dmp",
    ]


def test_the_date_can_be_another_zones(tmp_path: Path) -> None:
    date_there = CrashDate(date(2026, 11, 23), DateSource.MACHINE)
    saved = MinidumpDirectory(tmp_path).save(DUMP.bytes, date_there, uptime_ms=1)
    assert saved.path.name == "112326-1-01.dmp"
    assert saved.date_source is DateSource.MACHINE
    assert saved.size == len(DUMP)
    assert saved.directory_flushed


def test_the_uptime_is_the_saving_systems(tmp_path: Path) -> None:
    name = parse_name(MinidumpDirectory(tmp_path).save(DUMP.bytes).path.name)
    assert name
    assert name.uptime_ms
    assert name.uptime_ms / 1000 == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=60)


def test_the_number_goes_on_past_99_and_behind_the_highest(tmp_path: Path) -> None:
    for name in ("112226-8765-99.dmp", "112226-8765-07.DMP", "112226-9999-500.dmp", "112226-8765-x.dmp"):
        (tmp_path / name).write_bytes(b"")
    directory = MinidumpDirectory(tmp_path)
    assert directory.save(DUMP.bytes, uptime_ms=8765).path.name == "112226-8765-100.dmp"
    assert directory.save(DUMP.bytes, uptime_ms=8765).path.name == "112226-8765-101.dmp"


@pytest.mark.parametrize("data", [b"", b"PAGEDU64", bytes(0x3000), DUMP.bytes[:-0x1000], DUMP.patch("marker", 0).bytes])
def test_only_whole_small_dumps_get_a_name(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="only whole small memory dumps"):
        MinidumpDirectory(tmp_path).save(data)
    assert contents(tmp_path) == {}


def test_eight_processes_save_two_hundred_dumps_each_of_the_same_second(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.minidumps.saver", str(tmp_path), "200"]
    savers = [
        subprocess.Popen([*command, str(number)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(8)
    ]
    for saver in savers:
        assert saver.stdout
        assert saver.stdout.readline() == "ready\n"
    for saver in savers:
        assert saver.stdin
        saver.stdin.write("go\n")
        saver.stdin.flush()
    for saver in savers:
        saver.communicate()
        assert saver.returncode == 0
    found = contents(tmp_path)
    assert sorted(found) == sorted(f"112226-8765-{number:02}.dmp" for number in range(1, 1601))
    offset = DUMP.offset("DUMP_HEADER.Comment")
    told = {data[offset : offset + 7] for data in found.values()}
    assert len(told) == 1600  # no dump is there twice, so each is there
    for data in found.values():
        assert data[:offset] == DUMP.bytes[:offset]
        assert data[offset + 128 :] == DUMP.bytes[offset + 128 :]


def test_the_list_is_by_time_and_tells_the_state(tmp_path: Path) -> None:
    crashed("2024-05-01 10:00").save(tmp_path, "050124-1-01.dmp")
    crashed("2023-05-01 10:00").save(tmp_path, "050123-1-01.dmp")
    crashed("2025-05-01 10:00").truncated("marker").save(tmp_path, "050125-1-01.dmp")
    (tmp_path / "notes.txt").write_text("not listed")
    (tmp_path / "folder.dmp").mkdir()
    listed = [(entry.path.name, entry.state) for entry in MinidumpDirectory(tmp_path).by_time()]
    assert listed == [
        ("050123-1-01.dmp", FileState.WHOLE),
        ("050124-1-01.dmp", FileState.WHOLE),
        ("050125-1-01.dmp", FileState.CUT),
    ]


def test_entries_come_one_by_one(tmp_path: Path) -> None:
    for number in range(3):
        DUMP.save(tmp_path, f"112226-1-0{number}.dmp")
    entries = MinidumpDirectory(tmp_path).entries()
    first = next(entries)
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    assert first.state is FileState.WHOLE
    assert {entry.state for entry in entries} == {FileState.EMPTY}


def test_no_crash_is_younger_than_its_file(tmp_path: Path) -> None:
    liar = crashed("2399-01-01 00:00").save(tmp_path, "010199-1-01.dmp")
    os.utime(liar, (1_000_000_000, 1_000_000_000))
    crashed("2020-01-01 00:00").save(tmp_path, "010120-1-01.dmp")
    timeless = x64_dump(system_time=0).save(tmp_path, "010120-2-01.dmp")
    os.utime(timeless, (1_500_000_000, 1_500_000_000))
    entries = MinidumpDirectory(tmp_path).by_time()
    assert [entry.path.name for entry in entries] == ["010199-1-01.dmp", "010120-2-01.dmp", "010120-1-01.dmp"]
    assert entries[0].moment == datetime.fromtimestamp(1_000_000_000, UTC)


def test_keep_removes_the_oldest_and_nothing_that_is_not_ours(tmp_path: Path) -> None:
    for year in range(2010, 2020):
        crashed(f"{year}-05-01 10:00").save(tmp_path, f"0501{year % 100}-1-01.dmp")
    for name in ("MEMORY.DMP", "mine.dmp", "notes.txt"):
        crashed("2001-01-01 10:00").save(tmp_path, name)
    DUMP.patch("DUMP_HEADER.DumpType", 5).save(tmp_path, "010101-1-01.dmp")  # a large dump under a small one's name
    gone = MinidumpDirectory(tmp_path).keep(3)
    assert [path.name for path in gone] == [f"0501{year}-1-01.dmp" for year in range(10, 17)]
    left = {"MEMORY.DMP", "mine.dmp", "notes.txt", "010101-1-01.dmp"}
    assert set(contents(tmp_path)) == left | {f"0501{year}-1-01.dmp" for year in range(17, 20)}
    assert MinidumpDirectory(tmp_path).keep(3) == []


def test_keep_never_takes_the_newest_whole_dump(tmp_path: Path) -> None:
    crashed("2020-05-01 10:00").save(tmp_path, "050120-1-01.dmp")
    crashed("2021-05-01 10:00").save(tmp_path, "050121-1-01.dmp")
    crashed("2022-05-01 10:00").truncated("marker").save(tmp_path, "050122-1-01.dmp")
    assert [path.name for path in MinidumpDirectory(tmp_path).keep(1)] == ["050120-1-01.dmp"]
    for count in (0, -1):
        with pytest.raises(ValueError, match="the newest one stays"):
            MinidumpDirectory(tmp_path).keep(count)


def test_keep_takes_abandoned_temporaries(tmp_path: Path) -> None:
    old, new = tmp_path / ".smalldump-7-0123abcd.tmp", tmp_path / ".smalldump-8-0123abcd.tmp"
    for path in (old, new):
        path.write_bytes(DUMP.bytes)
    os.utime(old, (time.time() - 90_000,) * 2)
    assert MinidumpDirectory(tmp_path).keep(50) == [old]
    assert set(contents(tmp_path)) == {new.name}


def test_a_file_that_stays_is_told(tmp_path: Path) -> None:
    for year in (2020, 2021):
        crashed(f"{year}-05-01 10:00").save(tmp_path, f"0501{year % 100}-1-01.dmp")
    disk = Failing(errno.EPERM, lambda _, name: name == "remove")
    with pytest.raises(StoreError, match=r"050120-1-01\.dmp: cannot remove"):
        MinidumpDirectory(tmp_path, disk).keep(1)
    assert len(contents(tmp_path)) == 2


def test_files_are_found_by_their_bytes(tmp_path: Path) -> None:
    directory = MinidumpDirectory(tmp_path)
    other = bytearray(DUMP.bytes)
    other[-1] ^= 1
    (tmp_path / "other.dmp").write_bytes(other)
    (tmp_path / "same.txt").write_bytes(DUMP.bytes)
    assert directory.find(DUMP.bytes) is None
    DUMP.save(tmp_path, "same.DMP")
    assert directory.find(DUMP.bytes) == tmp_path / "same.DMP"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    directory = MinidumpDirectory(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="nowhere: cannot list"):
        directory.by_time()
    with pytest.raises(StoreError, match="nowhere: cannot list"):
        directory.keep(1)
    with pytest.raises(StoreError, match="nowhere: cannot list"):
        directory.find(b"")


def test_errors_can_be_sent_to_another_process() -> None:
    again = pickle.loads(pickle.dumps(StoreError("Minidump", "full")))
    assert (type(again), again.path, again.why, str(again)) == (StoreError, "Minidump", "full", "Minidump: full")
