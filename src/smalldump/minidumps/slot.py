"""A slot of the reserve: a file with the space for one dump, filled in place.

    0x0000   SLOT_HEAD     two copies, written in turns: the newest one whose checksum is right counts
    0x1000   SLOT_HEAD
    0x2000   the dump      as many bytes as the slot was made for, zeros behind the dump

    EMPTY ──► FILLING ──► FULL ──► SPENT ──► EMPTY
              head        dump     the dump  zeros
              first       behind   has its   behind
                          it       own name

A head that is cut off half way leaves the other one, so the state before it. A dump that is cut off half way leaves
FILLING with a checksum that does not fit.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from enum import IntEnum
from pathlib import Path

from smalldump.layout.record import Buffer, Record, raw, u32, u64
from smalldump.minidumps.clock import CrashDate, DateSource
from smalldump.minidumps.filesystem import FileSystem
from smalldump.minidumps.peek import LARGEST_DUMP

__all__ = ["DATA_OFFSET", "Slot", "SlotHead", "SlotState", "Status", "opened_slot", "status_of", "write_empty_slot"]

SIGNATURE = b"SMDPSLOT"
VERSION = 1
HEAD_OFFSETS = (0x0000, 0x1000)  # apart: no disk writes two sectors of 4 KiB at once
DATA_OFFSET = 0x2000
_ZEROS = bytes(1 << 16)


class SlotHead(Record, size=0x40):
    """What a slot holds. The format is our own."""

    signature = raw(0x00, 8, "`SMDPSLOT`")
    version = u32(0x08, "1")
    state = u32(0x0C, "SlotState")
    generation = u64(0x10, "rises with every head that is written to this slot")
    sequence = u64(0x18, "rises with every dump that is written to the reserve")
    capacity = u64(0x20, "largest dump, bytes")
    dump_size = u64(0x28, "bytes of the dump")
    dump_crc = u32(0x30, "CRC-32 of the dump")
    local_day = u32(0x34, "local date of the crash: its day, counted from 1 on 1 January of the year 1; or 0")
    date_source = u32(0x38, "whose time zone that is: 1 the crashed machine's, 2 the one that was asked for")
    head_crc = u32(0x3C, "CRC-32 of this head up to here")


class SlotState(IntEnum):
    """What a slot is good for; negative ones are never stored."""

    EMPTY = 1
    FILLING = 2
    FULL = 3
    SPENT = 4
    DAMAGED = -1
    UNREADABLE = -2

    @property
    def words(self) -> str:
        """The state for people."""
        return _STATE_WORDS[self]


_STATE_WORDS = {
    SlotState.EMPTY: "empty",
    SlotState.FILLING: "cut off while it was filled",
    SlotState.FULL: "holds a dump",
    SlotState.SPENT: "empty, not yet wiped",
    SlotState.DAMAGED: "damaged",
    SlotState.UNREADABLE: "unreadable",
}


@dataclass(frozen=True, slots=True)
class Status:
    """The head of a slot that counts.

    Attributes:
        capacity: Largest dump, bytes.
        sequence: Which dump of the reserve it holds or held last; 0 for none yet.
        size: Bytes of the dump.
        crc: CRC-32 of the dump.
        generation: Heads written to this slot so far.
        date: Local date of the crash, where more was known when the dump was written than the dump itself tells.
    """

    state: SlotState
    capacity: int
    sequence: int = 0
    size: int = 0
    crc: int = 0
    generation: int = 0
    date: CrashDate | None = None


_DATE_SOURCES = {1: DateSource.MACHINE, 2: DateSource.ASKED}
_DAMAGED = Status(SlotState.DAMAGED, 0, generation=-1)
_LIMIT = 1 << 63  # counters that no slot reaches


class Slot:
    """A slot, open and locked (see `opened_slot`). All methods raise OSError where the disk fails."""

    def __init__(self, path: Path, descriptor: int, disk: FileSystem) -> None:
        self.path, self._descriptor, self._disk = path, descriptor, disk
        self.status = status_of(descriptor, disk)

    def fill(self, dump: Buffer, sequence: int, date: CrashDate | None = None) -> None:
        """Put a dump into an empty slot, in place; zeros stay behind it. `date` is for the name that it will get."""
        if self.status.state is SlotState.SPENT:
            self.wipe()
        size, crc = len(memoryview(dump).cast("B")), zlib.crc32(dump)
        status = replace(self.status, state=SlotState.FILLING, sequence=sequence, size=size, crc=crc)
        self._enter(replace(status, date=_lasting(date)))
        self._write(dump, DATA_OFFSET)
        self._enter(replace(self.status, state=SlotState.FULL))

    def content(self) -> tuple[bytes, bool]:
        """The bytes of the dump, and whether they are those that were to be written."""
        data = self._disk.read(self._descriptor, self.status.size, DATA_OFFSET)
        return data, len(data) == self.status.size and zlib.crc32(data) == self.status.crc

    def spend(self) -> None:
        """Let go of the dump: it is kept elsewhere."""
        self._enter(replace(self.status, state=SlotState.SPENT))

    def wipe(self) -> None:
        """Overwrite what is left of a spent dump with zeros and call the slot empty."""
        for at in range(0, self.status.size, len(_ZEROS)):
            piece = _ZEROS[: self.status.size - at]
            self._disk.write(self._descriptor, piece, DATA_OFFSET + at)
        self._disk.flush(self._descriptor)
        self._enter(replace(self.status, state=SlotState.EMPTY, size=0, crc=0, date=None))

    def _enter(self, status: Status) -> None:
        status = replace(status, generation=self.status.generation + 1)
        self._write(_head(status), HEAD_OFFSETS[status.generation % 2])
        self.status = status

    def _write(self, data: Buffer, offset: int) -> None:
        self._disk.write(self._descriptor, data, offset)
        self._disk.flush(self._descriptor)


@contextmanager
def opened_slot(path: Path, disk: FileSystem, wait: bool = False) -> Iterator[Slot | None]:
    """Open a slot and lock it; None where another process has it, unless that one is waited for.

    Raises:
        OSError: It is missing or refused.
    """
    descriptor = disk.open(path)
    try:
        yield Slot(path, descriptor, disk) if disk.lock(descriptor, wait) else None
    finally:
        disk.close(descriptor)


def write_empty_slot(descriptor: int, capacity: int, disk: FileSystem) -> None:
    """Make a new file an empty slot: take its space, write all of it, then both heads."""
    disk.overwrite_in_place(descriptor)
    disk.allocate(descriptor, DATA_OFFSET + capacity)
    for at in range(0, DATA_OFFSET + capacity, len(_ZEROS)):
        disk.write(descriptor, _ZEROS[: DATA_OFFSET + capacity - at], at)
    for generation, offset in enumerate(HEAD_OFFSETS):
        disk.write(descriptor, _head(Status(SlotState.EMPTY, capacity, generation=generation)), offset)


def _lasting(date: CrashDate | None) -> CrashDate | None:
    # UTC and the day of saving are no more than recovery knows by itself.
    return date if date is not None and date.source in _DATE_SOURCES.values() else None


def _head(status: Status) -> bytearray:
    known = status.date
    head = SlotHead.build(
        signature=SIGNATURE,
        version=VERSION,
        state=status.state,
        generation=status.generation,
        sequence=status.sequence,
        capacity=status.capacity,
        dump_size=status.size,
        dump_crc=status.crc,
        local_day=known.day.toordinal() if known else 0,
        date_source=next((number for number, source in _DATE_SOURCES.items() if known and source is known.source), 0),
    )
    end = SlotHead.head_crc.offset
    head[end:] = zlib.crc32(head[:end]).to_bytes(4, "little")
    return head


def status_of(descriptor: int, disk: FileSystem) -> Status:
    """The newest good head of an open slot; DAMAGED where there is none, or where the file has another size."""
    heads = (_status(disk.read(descriptor, SlotHead.SIZE, offset)) for offset in HEAD_OFFSETS)
    newest = max(heads, key=lambda status: status.generation)
    return newest if disk.size(descriptor) == DATA_OFFSET + newest.capacity else _DAMAGED


def _status(data: bytes) -> Status:
    if len(data) < SlotHead.SIZE or zlib.crc32(data[: SlotHead.head_crc.offset]) != SlotHead(data).head_crc:
        return _DAMAGED
    head = SlotHead(data)
    known = head.signature == SIGNATURE and head.version == VERSION and head.state in set(SlotState)
    if not known or not head.dump_size <= head.capacity <= LARGEST_DUMP or head.generation | head.sequence >= _LIMIT:
        return _DAMAGED
    state = SlotState(head.state)
    return Status(state, head.capacity, head.sequence, head.dump_size, head.dump_crc, head.generation, _date(head))


def _date(head: SlotHead) -> CrashDate | None:
    source = _DATE_SOURCES.get(head.date_source)
    if source is None or not 0 < head.local_day <= date.max.toordinal():
        return None
    return CrashDate(date.fromordinal(head.local_day), source)
