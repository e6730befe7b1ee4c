"""The reserve: making it, filling it, refusing."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from smalldump.errors import FormatError, StoreError
from smalldump.minidumps import MinidumpDirectory, Reserve, SlotState, default_size, recover_reserve
from smalldump.minidumps.filesystem import FileSystem
from smalldump.minidumps.slot import opened_slot
from tests.minidumps.disks import Failing, Watched, contents
from tests.synth import arm64_dump, win2000_dump, x64_dump, x86_dump

DUMP, OTHER, THIRD = x64_dump().bytes, x86_dump().bytes, arm64_dump().bytes
SIZE = 0x28000


def states(folder: Path) -> list[SlotState]:
    """The states of all slots."""
    return [slot.status.state for slot in Reserve(folder).slots()]


def test_sizes_by_default() -> None:
    assert (default_size(32), default_size(64)) == (0x10000, 0x40000)
    assert default_size() in (0x10000, 0x40000)


def test_making_takes_all_the_space(tmp_path: Path) -> None:
    made = Reserve(tmp_path).make(SIZE, slots=3)
    assert [path.name for path in made.slots] == [f"smalldump-{number}.reserve" for number in (1, 2, 3)]
    assert made.new == made.slots
    for path in made.slots:
        assert path.stat().st_blocks * 512 >= SIZE + 0x2000
        assert path.stat().st_mode & 0o777 == 0o600
    assert states(tmp_path) == [SlotState.EMPTY] * 3
    assert list(MinidumpDirectory(tmp_path).entries()) == []


def test_making_again_changes_nothing(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    reserve.make(SIZE)
    reserve.fill(DUMP)
    before = contents(tmp_path)
    again = reserve.make(SIZE)
    assert again.new == ()
    assert contents(tmp_path) == before
    assert [path.name for path in reserve.make(SIZE, slots=3).new] == ["smalldump-3.reserve"]
    with pytest.raises(StoreError, match=r"smalldump-1\.reserve: this slot was made for 0x28000 bytes"):
        reserve.make(SIZE + 1)
    (tmp_path / "smalldump-2.reserve").write_bytes(b"")
    with pytest.raises(StoreError, match=r"smalldump-2\.reserve: this slot is damaged"):
        reserve.make(SIZE)


@pytest.mark.parametrize(("size", "slots"), [(0, 2), (-1, 2), (0x3FFF, 2), (1 << 27, 2), (SIZE, 0), (SIZE, 1001)])
def test_what_cannot_be_reserved(size: int, slots: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot reserve"):
        Reserve(tmp_path).make(size, slots)
    assert contents(tmp_path) == {}


def test_a_second_crash_never_destroys_the_first(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    reserve.make(SIZE)
    first = reserve.fill(DUMP)
    assert (first.path.name, first.size, first.left) == ("smalldump-1.reserve", len(DUMP), 1)
    second = reserve.fill(OTHER)
    assert (second.path.name, second.left) == ("smalldump-2.reserve", 0)
    before = contents(tmp_path)
    with pytest.raises(StoreError, match=r"no slot of the reserve is empty \(2 in use\)"):
        reserve.fill(DUMP)
    assert contents(tmp_path) == before


def test_the_slot_that_is_empty_for_longest_is_filled(tmp_path: Path) -> None:
    reserve, directory = Reserve(tmp_path), MinidumpDirectory(tmp_path)
    reserve.make(0x40000, slots=3)
    order = []
    for dump in (DUMP, OTHER, THIRD, win2000_dump().bytes):
        order.append(reserve.fill(dump).path.name)
        list(recover_reserve(directory))
    assert order == [f"smalldump-{number}.reserve" for number in (1, 2, 3, 1)]


def test_a_dump_that_is_too_large(tmp_path: Path) -> None:
    Reserve(tmp_path).make(0x10000)
    before = contents(tmp_path)
    with pytest.raises(StoreError, match=f"the dump has {len(DUMP):#x} bytes, the largest empty slot .* only 0x10000"):
        Reserve(tmp_path).fill(DUMP)
    assert contents(tmp_path) == before
    Reserve(tmp_path).fill(win2000_dump().bytes)


def test_a_larger_slot_is_found(tmp_path: Path) -> None:
    Reserve(tmp_path).make(0x10000, slots=1)
    (tmp_path / "smalldump-1.reserve").rename(tmp_path / "smalldump-9.reserve")
    Reserve(tmp_path).make(SIZE, slots=1)
    assert Reserve(tmp_path).fill(DUMP).path.name == "smalldump-1.reserve"


def test_without_a_reserve(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no reserve here"):
        Reserve(tmp_path).fill(DUMP)
    with pytest.raises(StoreError, match="cannot list"):
        Reserve(tmp_path / "nowhere").fill(DUMP)


@pytest.mark.parametrize("data", [b"", bytes(0x3000), DUMP[:-0x1000]])
def test_only_whole_dumps_go_in(data: bytes, tmp_path: Path) -> None:
    Reserve(tmp_path).make(SIZE)
    with pytest.raises(FormatError, match="only whole small memory dumps"):
        Reserve(tmp_path).fill(data)
    assert states(tmp_path) == [SlotState.EMPTY, SlotState.EMPTY]


def test_nothing_but_slots_is_touched(tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.write_bytes(bytes(0x2000 + SIZE))
    (tmp_path / "smalldump-1.reserve").symlink_to(other)
    (tmp_path / "smalldump-02.reserve").write_bytes(b"")
    assert states(tmp_path) == [SlotState.UNREADABLE]
    with pytest.raises(StoreError):
        Reserve(tmp_path).fill(DUMP)
    assert not any(other.read_bytes())


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO], ids=errno.errorcode.get)
def test_a_refusal_while_the_reserve_is_made(error: int, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    disk = Watched()
    Reserve(tmp_path / "model", disk).make(SIZE, slots=1)
    for step, name in enumerate(disk.calls):
        folder = tmp_path / f"{step}"
        folder.mkdir()
        failing = Failing(error, lambda number, _, step=step: number == step)  # type: ignore[misc]
        if name == "remove" or (name == "link" and error == errno.EACCES):
            Reserve(folder, failing).make(SIZE, slots=1)
            assert states(folder) == [SlotState.EMPTY]
        else:
            with pytest.raises(StoreError, match=os.strerror(error)):
                Reserve(folder, failing).make(SIZE, slots=1)
            assert contents(folder) == {}


def test_a_disk_that_fails_while_a_slot_is_filled(tmp_path: Path) -> None:
    Reserve(tmp_path).make(SIZE)
    disk = Failing(errno.EIO, lambda number, name: name == "flush")
    with pytest.raises(StoreError, match=r"smalldump-1\.reserve: cannot fill: Input/output error"):
        Reserve(tmp_path, disk).fill(DUMP)


def test_where_one_slot_fails_the_next_is_filled(tmp_path: Path) -> None:
    Reserve(tmp_path).make(SIZE)
    writes: list[int] = []

    def second_write(number: int, name: str) -> bool:
        if name == "write_some":
            writes.append(number)
        return name == "write_some" and len(writes) == 2

    assert Reserve(tmp_path, Failing(errno.EIO, second_write)).fill(DUMP).path.name == "smalldump-2.reserve"
    assert states(tmp_path) == [SlotState.FILLING, SlotState.FULL]


def test_slots_in_use_are_passed_over_or_waited_for(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    reserve.make(SIZE)
    with opened_slot(reserve.slots()[0].path, FileSystem()):
        assert reserve.fill(OTHER).path.name == "smalldump-2.reserve"
        filling = threading.Thread(target=reserve.fill, args=(DUMP,))
        filling.start()
        filling.join(0.2)
        assert filling.is_alive()
    filling.join()
    assert states(tmp_path) == [SlotState.FULL, SlotState.FULL]
