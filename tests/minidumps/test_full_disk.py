"""A disk that is really full, and one that is read-only."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from smalldump.errors import StoreError
from smalldump.minidumps import MinidumpDirectory, Outcome, Reserve, SlotState, recover_reserve
from tests.minidumps.disks import contents
from tests.synth import win2000_dump, x64_dump, x86_dump

EARLIER, FIRST, SECOND = win2000_dump().bytes, x64_dump().bytes, x86_dump().bytes


def fill_up(disk: Path) -> Path:
    """Write until not one byte more goes onto the disk."""
    path = disk / "everything else"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while file.write(bytes(size)):
                    pass
    with pytest.raises(OSError, match="No space left"):
        (disk / "one more").write_bytes(b"x")
    (disk / "one more").unlink()
    return path


def test_a_save_onto_a_full_disk(small_disk: Path) -> None:
    directory = MinidumpDirectory(small_disk)
    directory.save(EARLIER)
    fill_up(small_disk)
    before = contents(small_disk)
    with pytest.raises(StoreError, match="cannot save here: No space left on device"):
        directory.save(FIRST)
    assert contents(small_disk) == before


def test_a_save_that_half_fits(small_disk: Path) -> None:
    directory = MinidumpDirectory(small_disk)
    directory.save(EARLIER)
    everything = fill_up(small_disk)
    with everything.open("r+b") as file:
        file.truncate(everything.stat().st_size - len(FIRST) // 2)
    before = contents(small_disk)
    with pytest.raises(StoreError, match="No space left on device"):
        directory.save(FIRST)
    assert contents(small_disk) == before


def test_a_reserve_that_does_not_fit(small_disk: Path) -> None:
    with pytest.raises(StoreError, match=r"smalldump-8\.reserve: cannot reserve: No space left on device"):
        Reserve(small_disk).make(0x40000, slots=100)
    assert sorted(contents(small_disk)) == [f"smalldump-{number}.reserve" for number in range(1, 8)]


def test_the_reserve_needs_no_free_space(small_disk: Path) -> None:
    reserve, directory = Reserve(small_disk), MinidumpDirectory(small_disk)
    assert reserve.make(0x28000).promise.keeps is True
    everything = fill_up(small_disk)
    reserve.fill(FIRST)
    reserve.fill(SECOND)
    before = contents(small_disk)
    with pytest.raises(StoreError, match=r"No space left on device.*smalldump-1\.reserve keeps its dump"):
        list(recover_reserve(directory))
    assert contents(small_disk) == before
    everything.unlink()
    assert [found.outcome for found in recover_reserve(directory)] == [Outcome.SAVED, Outcome.SAVED]
    assert {data for name, data in contents(small_disk).items() if name.endswith(".dmp")} == {FIRST, SECOND}
    assert [slot.status.state for slot in reserve.slots()] == [SlotState.EMPTY, SlotState.EMPTY]


def test_a_read_only_directory(small_disk: Path) -> None:
    reserve, directory = Reserve(small_disk), MinidumpDirectory(small_disk)
    directory.save(EARLIER)
    reserve.make(0x28000, slots=1)
    reserve.fill(FIRST)
    before = contents(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError, match="cannot save here: Read-only file system"):
        directory.save(SECOND)
    with pytest.raises(StoreError, match="cannot recover: Read-only file system"):
        list(recover_reserve(directory))
    with pytest.raises(StoreError, match="cannot fill: Read-only file system"):
        reserve.fill(SECOND)
    with pytest.raises(StoreError, match="cannot reserve: Read-only file system"):
        reserve.make(0x28000, slots=2)
    assert contents(small_disk) == before
    assert [entry.path.name for entry in directory.by_time()] == ["Mini022900-01.dmp"]
