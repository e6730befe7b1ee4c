"""Recovery from the reserve."""

from __future__ import annotations

import errno
import zlib
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from smalldump.errors import StoreError
from smalldump.minidumps import CrashDate, DateSource, MinidumpDirectory, Outcome, Reserve, SlotState, recover_reserve
from smalldump.minidumps.filesystem import FileSystem
from smalldump.minidumps.slot import SlotHead, opened_slot
from smalldump.model import Absent
from tests.minidumps.disks import Failing, contents
from tests.synth import filetime, win2000_dump, x64_dump, x86_dump

DUMP, OTHER = x64_dump().bytes, x86_dump().bytes
FULL_HEAD, DATA = 0x1000, 0x2000  # of a slot that was filled once


@pytest.fixture
def reserve(tmp_path: Path) -> Reserve:
    """Two empty slots."""
    reserve = Reserve(tmp_path)
    reserve.make(0x28000)
    return reserve


def dumps(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(folder).items() if name.endswith(".dmp")}


def states(reserve: Reserve) -> list[SlotState]:
    return [slot.status.state for slot in reserve.slots()]


def patch(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def unfinish(path: Path) -> None:
    """Take a slot back to where its dump was being written: the head FULL was never written."""
    patch(path, FULL_HEAD, bytes(SlotHead.SIZE))


@pytest.mark.parametrize(
    ("known", "zone", "day", "source"),
    [
        (DateSource.MACHINE, None, "112126", DateSource.MACHINE),
        (DateSource.MACHINE, "Asia/Tokyo", "112126", DateSource.MACHINE),
        (DateSource.ASKED, None, "112126", DateSource.ASKED),
        (DateSource.ASKED, "Asia/Tokyo", "112226", DateSource.ASKED),
        (DateSource.UTC, None, "112226", DateSource.UTC),
    ],
)
def test_the_date_is_the_one_that_the_writer_knew(
    known: DateSource, zone: str | None, day: str, source: DateSource, reserve: Reserve
) -> None:
    reserve.fill(DUMP, CrashDate(date(2026, 11, 21), known))
    (found,) = recover_reserve(MinidumpDirectory(reserve.path), ZoneInfo(zone) if zone else None)
    assert found.saved
    assert found.saved.path.name.startswith(f"{day}-")
    assert found.saved.date_source is source


def test_dumps_get_their_names_in_the_order_of_the_crashes(reserve: Reserve) -> None:
    reserve.fill(OTHER)
    reserve.fill(DUMP)
    first, second = recover_reserve(MinidumpDirectory(reserve.path))
    assert (first.outcome, second.outcome) == (Outcome.SAVED, Outcome.SAVED)
    assert isinstance(first.path, Path)
    assert isinstance(second.path, Path)
    assert first.path.name == "Mini041408-01.dmp"
    assert first.source.name == "smalldump-1.reserve"
    assert first.path.read_bytes() == OTHER
    assert second.path.read_bytes() == DUMP
    assert first.saved
    assert first.saved.date_source is DateSource.UTC
    assert states(reserve) == [SlotState.EMPTY, SlotState.EMPTY]
    assert not any(reserve.slots()[0].path.read_bytes()[DATA:])
    assert list(recover_reserve(MinidumpDirectory(reserve.path))) == []


def test_the_date_follows_the_zone_that_was_asked_for(reserve: Reserve) -> None:
    reserve.fill(win2000_dump(system_time=filetime("2000-02-29 18:06")).bytes)
    (found,) = recover_reserve(MinidumpDirectory(reserve.path), ZoneInfo("Asia/Tokyo"))
    assert isinstance(found.path, Path)
    assert found.path.name == "Mini030100-01.dmp"
    assert found.saved
    assert found.saved.date_source is DateSource.ASKED


def test_a_dump_that_was_saved_already_is_not_saved_twice(reserve: Reserve) -> None:
    reserve.fill(DUMP)
    slot = reserve.slots()[0].path
    before = slot.read_bytes()
    list(recover_reserve(MinidumpDirectory(reserve.path)))
    named = dumps(reserve.path)
    slot.write_bytes(before)  # as if the machine had stopped before the slot was emptied
    (found,) = recover_reserve(MinidumpDirectory(reserve.path))
    assert found.outcome is Outcome.ALREADY_THERE
    assert dumps(reserve.path) == named
    assert states(reserve) == [SlotState.EMPTY, SlotState.EMPTY]


def test_a_write_that_was_cut_off_is_kept_aside(reserve: Reserve) -> None:
    reserve.fill(OTHER)
    reserve.fill(DUMP)
    slot = reserve.slots()[1].path
    unfinish(slot)
    patch(slot, DATA + 0x5000, bytes(len(DUMP) - 0x5000))
    first, second = recover_reserve(MinidumpDirectory(reserve.path))
    assert (first.outcome, second.outcome) == (Outcome.SAVED, Outcome.CUT_OFF)
    assert isinstance(second.path, Path)
    assert second.path.suffix == ".cut"
    assert second.path.name.startswith("112226-")
    assert second.path.read_bytes() == DUMP[:0x5000] + bytes(len(DUMP) - 0x5000)
    assert list(dumps(reserve.path).values()) == [OTHER]
    assert states(reserve) == [SlotState.EMPTY, SlotState.EMPTY]


def test_a_write_that_was_cut_off_at_its_very_end_is_whole(reserve: Reserve) -> None:
    reserve.fill(DUMP)
    unfinish(reserve.slots()[0].path)
    assert states(reserve)[0] is SlotState.FILLING
    assert [found.outcome for found in recover_reserve(MinidumpDirectory(reserve.path))] == [Outcome.SAVED]
    assert list(dumps(reserve.path).values()) == [DUMP]


def test_a_write_of_which_nothing_arrived(reserve: Reserve) -> None:
    reserve.fill(DUMP)
    slot = reserve.slots()[0].path
    unfinish(slot)
    patch(slot, DATA, bytes(len(DUMP)))
    (found,) = recover_reserve(MinidumpDirectory(reserve.path))
    assert (found.outcome, found.path) == (Outcome.CUT_OFF, Absent.NOT_CAPTURED)
    assert set(contents(reserve.path)) == {"smalldump-1.reserve", "smalldump-2.reserve"}


def test_a_dump_that_rotted_is_kept_aside(reserve: Reserve) -> None:
    reserve.fill(DUMP)
    slot = reserve.slots()[0].path
    patch(slot, DATA + 0x5000, b"rot")
    (found,) = recover_reserve(MinidumpDirectory(reserve.path))
    assert found.outcome is Outcome.DAMAGED
    assert isinstance(found.path, Path)
    assert found.path.read_bytes()[0x5000:0x5003] == b"rot"
    slot.write_bytes(slot.read_bytes())
    assert states(reserve) == [SlotState.EMPTY, SlotState.EMPTY]


def test_bytes_with_a_right_checksum_that_are_no_dump(reserve: Reserve) -> None:
    slot = reserve.slots()[0].path
    with opened_slot(slot, FileSystem()) as opened:
        assert opened
        opened.fill(b"no dump at all", 1)
    (found,) = recover_reserve(MinidumpDirectory(reserve.path))
    assert found.outcome is Outcome.DAMAGED
    assert isinstance(found.path, Path)
    assert found.path.read_bytes() == b"no dump at all"


def test_a_damaged_slot_is_told_and_left_alone(reserve: Reserve) -> None:
    reserve.fill(DUMP)
    slot = reserve.slots()[0].path
    patch(slot, 0, bytes(DATA))
    before = contents(reserve.path)
    (found,) = recover_reserve(MinidumpDirectory(reserve.path))
    assert (found.outcome, found.path) == (Outcome.DAMAGED, Absent.CORRUPT)
    assert contents(reserve.path) == before


def test_a_slot_in_use_is_told(reserve: Reserve) -> None:
    reserve.fill(DUMP)
    with opened_slot(reserve.slots()[0].path, FileSystem()):
        outcomes = [found.outcome for found in recover_reserve(MinidumpDirectory(reserve.path))]
    assert outcomes == [Outcome.IN_USE]
    assert states(reserve)[0] is SlotState.FULL


def test_a_spent_slot_is_wiped(reserve: Reserve) -> None:
    reserve.fill(DUMP)
    slot = reserve.slots()[0].path
    with opened_slot(slot, FileSystem()) as opened:
        assert opened
        opened.spend()
    assert list(recover_reserve(MinidumpDirectory(reserve.path))) == []
    assert states(reserve) == [SlotState.EMPTY, SlotState.EMPTY]
    assert not any(slot.read_bytes()[DATA:])
    assert dumps(reserve.path) == {}


def test_what_was_cut_off_is_kept_aside_once(reserve: Reserve) -> None:
    reserve.fill(DUMP)
    slot = reserve.slots()[0].path
    unfinish(slot)
    patch(slot, DATA + 0x5000, b"rot")
    before = slot.read_bytes()
    for _ in range(2):
        slot.write_bytes(before)
        list(recover_reserve(MinidumpDirectory(reserve.path)))
    assert sum(name.endswith(".cut") for name in contents(reserve.path)) == 1


def test_a_directory_that_refuses_leaves_the_dump_in_the_reserve(reserve: Reserve) -> None:
    reserve.fill(OTHER)
    reserve.fill(DUMP)
    before = contents(reserve.path)
    for call in ("create", "write_some", "flush_directory"):
        disk = Failing(errno.ENOSPC, lambda _, name, call=call: name == call)  # type: ignore[misc]
        with pytest.raises(StoreError, match=r"No space left.*smalldump-1\.reserve keeps its dump"):
            list(recover_reserve(MinidumpDirectory(reserve.path, disk)))
        assert contents(reserve.path) == before


@pytest.mark.parametrize("failing", [1, 2])
def test_where_one_dump_cannot_be_saved_the_other_is(failing: int, reserve: Reserve) -> None:
    reserve.fill(OTHER)
    reserve.fill(DUMP)
    creations: list[int] = []

    def one_creation(number: int, name: str) -> bool:
        if name == "create":
            creations.append(number)
        return name == "create" and len(creations) == failing

    outcomes = recover_reserve(MinidumpDirectory(reserve.path, Failing(errno.ENOSPC, one_creation)))
    assert next(outcomes).outcome is Outcome.SAVED
    with pytest.raises(StoreError, match=rf"smalldump-{failing}\.reserve keeps its dump"):
        next(outcomes)
    assert states(reserve)[failing - 1] is SlotState.FULL
    assert states(reserve)[2 - failing] is SlotState.EMPTY
    assert list(dumps(reserve.path).values()) == [DUMP if failing == 1 else OTHER]


def test_checksums_are_the_usual_ones(reserve: Reserve) -> None:
    reserve.fill(DUMP)
    assert reserve.slots()[0].status.crc == zlib.crc32(DUMP)
