"""A slot of the reserve: its states, and heads that are torn."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.minidumps.clock import CrashDate, DateSource
from smalldump.minidumps.filesystem import FileSystem
from smalldump.minidumps.slot import DATA_OFFSET, Slot, SlotHead, SlotState, opened_slot, write_empty_slot
from tests.minidumps.disks import Watched
from tests.synth import win2000_dump, x64_dump

CAPACITY = 0x28000
DUMP = x64_dump().bytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An empty slot."""
    disk, path = FileSystem(), tmp_path / "smalldump-1.reserve"
    descriptor = disk.create(path)
    write_empty_slot(descriptor, CAPACITY, disk)
    disk.close(descriptor)
    return path


def at(path: Path, use: Callable[[Slot], object] = lambda slot: None) -> Slot:
    """Open the slot, use it, and give it with the status that it had at the end."""
    with opened_slot(path, FileSystem()) as slot:
        assert slot
        use(slot)
    return slot


def test_the_way_through_the_states(path: Path) -> None:
    assert at(path).status.state is SlotState.EMPTY
    assert path.stat().st_size == DATA_OFFSET + CAPACITY
    assert at(path, lambda slot: slot.fill(DUMP, 7)).status.state is SlotState.FULL
    status = at(path).status
    assert (status.state, status.sequence, status.size, status.crc) == (SlotState.FULL, 7, len(DUMP), zlib.crc32(DUMP))
    assert path.read_bytes()[DATA_OFFSET:] == DUMP + bytes(CAPACITY - len(DUMP))
    assert at(path, lambda slot: slot.spend()).status.state is SlotState.SPENT
    assert at(path).status.state is SlotState.SPENT
    assert at(path, lambda slot: slot.wipe()).status.state is SlotState.EMPTY
    status = at(path).status
    assert (status.state, status.sequence, status.size, status.capacity) == (SlotState.EMPTY, 7, 0, CAPACITY)
    assert not any(path.read_bytes()[DATA_OFFSET:])


@pytest.mark.parametrize("source", [DateSource.MACHINE, DateSource.ASKED])
def test_the_local_date_is_kept_with_the_dump(path: Path, source: DateSource) -> None:
    known = CrashDate(date(2026, 11, 21), source)
    at(path, lambda slot: slot.fill(DUMP, 1, known))
    assert at(path).status.date == known
    at(path, lambda slot: slot.spend())
    at(path, lambda slot: slot.wipe())
    assert at(path).status.date is None


@pytest.mark.parametrize("source", [DateSource.UTC, DateSource.SAVING_DAY])
def test_a_date_that_the_dump_tells_itself_is_not(path: Path, source: DateSource) -> None:
    assert at(path, lambda slot: slot.fill(DUMP, 1, CrashDate(date(2026, 11, 22), source))).status.date is None


def test_a_spent_slot_is_wiped_before_it_is_filled(path: Path) -> None:
    at(path, lambda slot: slot.fill(DUMP, 1))
    at(path, lambda slot: slot.spend())
    small = win2000_dump().bytes
    at(path, lambda slot: slot.fill(small, 2))
    assert path.read_bytes()[DATA_OFFSET:] == small + bytes(CAPACITY - len(small))


def test_filling_never_makes_the_file_longer_and_flushes_between_head_and_dump(path: Path) -> None:
    disk = Watched()
    with opened_slot(path, disk) as slot:
        assert slot
        slot.fill(DUMP, 1)
    assert disk.calls == [
        *("open", "lock", "read", "read"),
        *("write_some", "flush") * 3,
        "close",
    ]
    assert path.stat().st_size == DATA_OFFSET + CAPACITY


@pytest.mark.parametrize("fill", [0x00, 0xFF])
@pytest.mark.parametrize("kept", [0, 1, 0x20, 0x37])
def test_a_torn_head_leaves_the_state_before_it(fill: int, kept: int, path: Path) -> None:
    at(path, lambda slot: slot.fill(DUMP, 1))
    data = bytearray(path.read_bytes())
    full = 0x1000  # heads 0 and 1 were written when the slot was made, so FILLING is at 0 again and FULL at 0x1000
    assert SlotHead(data, full).state == SlotState.FULL
    data[full + kept : full + SlotHead.SIZE] = bytes([fill]) * (SlotHead.SIZE - kept)
    path.write_bytes(data)
    slot = at(path)
    assert slot.status.state is SlotState.FILLING
    with opened_slot(path, FileSystem()) as again:
        assert again
        assert again.content() == (DUMP, True)


def test_one_process_at_a_time(path: Path) -> None:
    with opened_slot(path, FileSystem()) as first, opened_slot(path, FileSystem()) as second:
        assert first
        assert second is None


@pytest.mark.parametrize("size", [0, 0x30, 0x1010, DATA_OFFSET, DATA_OFFSET + CAPACITY - 1, DATA_OFFSET + CAPACITY + 1])
def test_a_file_of_another_size_is_damaged(size: int, path: Path) -> None:
    path.write_bytes(path.read_bytes().ljust(size, b"\0")[:size])
    assert at(path).status.state is SlotState.DAMAGED


def test_both_heads_lost(path: Path) -> None:
    path.write_bytes(bytes(DATA_OFFSET + CAPACITY))
    assert at(path).status.state is SlotState.DAMAGED


@given(
    fields=st.fixed_dictionaries(
        {
            "signature": st.sampled_from([b"SMDPSLOT", b"PAGEDU64"]),
            "version": st.integers(0, 2),
            "state": st.integers(0, 5) | st.just(0xFFFFFFFF),
            "generation": st.integers(0, 2**64 - 1),
            "sequence": st.integers(0, 2**64 - 1),
            "capacity": st.sampled_from([0, 1, CAPACITY, 2**40, 2**64 - 1]),
            "dump_size": st.sampled_from([0, 1, CAPACITY, CAPACITY + 1, 2**64 - 1]),
            "local_day": st.sampled_from([0, 1, date.max.toordinal(), date.max.toordinal() + 1, 2**32 - 1]),
            "date_source": st.integers(0, 3),
        }
    )
)
def test_any_head_with_a_right_checksum(fields: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.reserve"
    head = SlotHead.build(**fields)
    head[-4:] = zlib.crc32(head[:-4]).to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(DATA_OFFSET + CAPACITY)
    with opened_slot(path, FileSystem()) as slot:
        assert slot
        if slot.status.state is SlotState.EMPTY:
            assert slot.status.capacity == CAPACITY
            slot.fill(b"dump", slot.status.sequence + 1)
        elif slot.status.state is not SlotState.DAMAGED:
            slot.content()
            slot.spend()
            slot.wipe()
    assert path.stat().st_size == DATA_OFFSET + CAPACITY
