"""The reserve: space for dumps that is taken ahead of time, as Windows takes it in the page file.

A full disk is a common state of a machine that crashes. A reserve is a few files of fixed size in the Minidump
directory; filling one overwrites bytes that are there, and `recover` gives the dump its own name later.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from smalldump.errors import FormatError, StoreError
from smalldump.layout.record import Buffer
from smalldump.minidumps.clock import CrashDate
from smalldump.minidumps.filesystem import FileSystem, told
from smalldump.minidumps.peek import LARGEST_DUMP, peek_bytes
from smalldump.minidumps.promise import Promise, promise_of
from smalldump.minidumps.saving import save_new
from smalldump.minidumps.slot import SlotState, Status, opened_slot, status_of, write_empty_slot

__all__ = ["Filled", "Made", "Reserve", "SlotFacts", "default_size"]

_NAME = re.compile(r"smalldump-([1-9]\d{0,3})\.reserve", re.ASCII)
_SMALLEST, _MOST_SLOTS = 0x4000, 1000
_FREE = (SlotState.EMPTY, SlotState.SPENT)


def default_size(bits: int | None = None) -> int:
    """Bytes that Windows plans for a small dump: 64 KiB of a 32-bit machine, 256 KiB of a 64-bit one.

    Without `bits` this machine's count. Source: the description of the small memory dump; format reference §3.11.
    """
    bits = bits or (64 if sys.maxsize > 1 << 32 else 32)
    return 64 * 1024 if bits == 32 else 256 * 1024


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """A slot, as seen without locking it: another process may be at it."""

    path: Path
    status: Status


@dataclass(frozen=True, slots=True)
class Made:
    """The outcome of making a reserve.

    Attributes:
        slots: All slots that were asked for.
        new: Those of them that were not there before.
        promise: Whether their file system overwrites in place: what is known of the weakest slot.
    """

    slots: tuple[Path, ...]
    new: tuple[Path, ...]
    promise: Promise


@dataclass(frozen=True, slots=True)
class Filled:
    """A dump that went into the reserve.

    Attributes:
        path: The slot.
        size: Bytes of the dump.
        left: Slots that are still empty.
    """

    path: Path
    size: int
    left: int


class Reserve:
    """The slots in a Minidump directory.

    Attributes:
        path: The folder, which must be there.
        disk: The system calls in use.
    """

    def __init__(self, path: str | os.PathLike[str], disk: FileSystem | None = None) -> None:
        self.path, self.disk = Path(path), disk or FileSystem()

    def make(self, size: int | None = None, slots: int = 2) -> Made:
        """Take the space for `slots` dumps of up to `size` bytes. Slots that are there already stay as they are.

        Raises:
            ValueError: `size` is below 16 KiB or above 64 MiB, or `slots` is not from 1 to 1000.
            StoreError: The disk is full or refuses, or a slot that is there is damaged or too small.
        """
        size = default_size() if size is None else size
        if not _SMALLEST <= size <= LARGEST_DUMP or not 1 <= slots <= _MOST_SLOTS:
            raise ValueError(f"cannot reserve {slots} times {size:#x} bytes")
        paths = [self.path / f"smalldump-{number}.reserve" for number in range(1, slots + 1)]
        there = {facts.path: facts.status for facts in self.slots()}
        for path in paths:
            if path in there:
                _require_fit(path, there[path], size)
        new = [path for path in paths if path not in there]
        for path in new:
            with told(path, "cannot reserve"):
                save_new(self.path, iter([path.name]), self._empty(size), self.disk)
        promises = [promise_of(path) for path in paths]
        weakest = next((promise for promise in promises if promise.keeps is not True), promises[0])
        return Made(tuple(paths), tuple(new), weakest)

    def _empty(self, size: int) -> Callable[[int], None]:
        return lambda descriptor: write_empty_slot(descriptor, size, self.disk)

    def slots(self) -> list[SlotFacts]:
        """The slots, by name.

        Raises:
            StoreError: The directory cannot be listed.
        """
        with told(self.path, "cannot list"):
            numbers = sorted(int(found[1]) for name in os.listdir(self.path) if (found := _NAME.fullmatch(name)))
        paths = [self.path / f"smalldump-{number}.reserve" for number in numbers]
        return [SlotFacts(path, self._status(path)) for path in paths]

    def _status(self, path: Path) -> Status:
        try:
            descriptor = self.disk.open_to_read(path)
            try:
                return status_of(descriptor, self.disk)
            finally:
                self.disk.close(descriptor)
        except OSError:
            return Status(SlotState.UNREADABLE, 0)

    def fill(self, dump: Buffer, date: CrashDate | None = None) -> Filled:
        """Put a dump into the slot that has been empty for longest. Needs no free space (see `Made.promise`).

        A slot that holds a dump, or what is left of one, is never touched. Where one slot fails the next is tried.

        Args:
            dump: All bytes of a small memory dump.
            date: Local date of the crash for the name to come, from `crash_date`: the machine's time zone, and the one
                that was asked for, are not in the dump.

        Raises:
            FormatError: The bytes are no whole small memory dump.
            StoreError: There is no empty slot, or none is large enough, or the disk fails.
        """
        found = peek_bytes(dump)
        if not found.state.readable:
            raise FormatError("only whole small memory dumps go into the reserve", found=found.why)
        known, trouble = self.slots(), None
        sequence = 1 + max((facts.status.sequence for facts in known), default=0)
        for facts, wait in _attempts(known):
            try:
                with told(facts.path, "cannot fill"), opened_slot(facts.path, self.disk, wait) as slot:
                    if slot and slot.status.state in _FREE and slot.status.capacity >= found.size:
                        slot.fill(dump, sequence, date)
                        return Filled(facts.path, found.size, sum(f.status.state in _FREE for f in self.slots()))
            except StoreError as error:
                trouble = trouble or error
        raise trouble or StoreError(os.fspath(self.path), _refusal(known, found.size))


def _attempts(known: list[SlotFacts]) -> Iterator[tuple[SlotFacts, bool]]:
    # All without waiting; then, perhaps another process is just emptying one, all again with it.
    order = sorted(known, key=lambda facts: (facts.status.state not in _FREE, facts.status.sequence))
    yield from zip(order, repeat(False))
    yield from zip(order, repeat(True))


def _refusal(known: list[SlotFacts], size: int) -> str:
    if not known:
        return "there is no reserve here (make one with `smalldump reserve`)"
    if all(facts.status.state not in _FREE for facts in known):
        return f"no slot of the reserve is empty ({len(known)} in use): run `smalldump recover`"
    largest = max(facts.status.capacity for facts in known if facts.status.state in _FREE)
    return f"the dump has {size:#x} bytes, the largest empty slot of the reserve only {largest:#x}"


def _require_fit(path: Path, status: Status, size: int) -> None:
    if status.state in (SlotState.DAMAGED, SlotState.UNREADABLE):
        raise StoreError(
            os.fspath(path), f"this slot is {status.state.words}: look at it, remove it, and reserve again"
        )
    if status.capacity < size:
        raise StoreError(
            os.fspath(path),
            f"this slot was made for {status.capacity:#x} bytes: recover, remove it, and reserve again",
        )
