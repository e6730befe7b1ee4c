"""Recovery: a dump that waits in the reserve gets its own name in the Minidump directory.

Any number of times: a recovery that was cut off is simply done again, and finds what it had saved already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from enum import Enum
from pathlib import Path

from smalldump.errors import StoreError
from smalldump.layout.record import Buffer
from smalldump.minidumps.clock import CrashDate, DateSource, crash_date
from smalldump.minidumps.directory import ASIDE, MinidumpDirectory, Saved
from smalldump.minidumps.filesystem import told
from smalldump.minidumps.peek import peek_bytes
from smalldump.minidumps.reserve import Reserve
from smalldump.minidumps.slot import Slot, SlotState, opened_slot
from smalldump.model import Absent

__all__ = ["Outcome", "Recovered", "name_date", "recover_dump", "recover_reserve", "recover_rest"]


class Outcome(Enum):
    """What became of a dump."""

    SAVED = "saved"
    ALREADY_THERE = "already_there"
    CUT_OFF = "cut_off"
    DAMAGED = "damaged"
    IN_USE = "in_use"

    @property
    def words(self) -> str:
        """The outcome for people."""
        return _OUTCOME_WORDS[self]


_OUTCOME_WORDS = {
    Outcome.SAVED: "saved",
    Outcome.ALREADY_THERE: "was saved already",
    Outcome.CUT_OFF: "its writing was cut off half way",
    Outcome.DAMAGED: "damaged since it was written",
    Outcome.IN_USE: "another process is at it",
}


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of a dump that lay in the reserve or a page file.

    Attributes:
        source: The slot or page file.
        path: The dump, or what is left of it (`.cut`); Absent where nothing is.
        saved: How it was saved, where it was.
    """

    source: Path
    outcome: Outcome
    path: Path | Absent
    saved: Saved | None = None


def recover_reserve(directory: MinidumpDirectory, zone: tzinfo | None = None) -> Iterator[Recovered]:
    """Name the dumps of the directory's reserve, the first crash first, and empty their slots.

    A slot is emptied only when its dump, or what is left of it, is safely in the directory. Empty slots are passed
    over in silence.

    Args:
        directory: Where the reserve is, and where the dumps go.
        zone: Time zone of the dates in the names, except where the crashed machine's was known; by default the one
            that was asked for when the dump was written, else UTC.

    Raises:
        StoreError: The directory is full or refuses. Dumps that were not saved stay in the reserve; the others are
            given first.
    """
    slots = sorted(Reserve(directory.path, directory.disk).slots(), key=lambda facts: facts.status.sequence)
    trouble = None
    for facts in slots:
        try:
            with told(facts.path, "cannot recover"), opened_slot(facts.path, directory.disk) as slot:
                in_use = Recovered(facts.path, Outcome.IN_USE, Absent.NOT_CAPTURED)
                found = in_use if slot is None else _recover_slot(slot, directory, zone)
        except StoreError as error:
            kept = StoreError(error.path, f"{error.why}; nothing is lost, {facts.path.name} keeps its dump")
            trouble = trouble or kept
        else:
            if found is not None:
                yield found
    if trouble:
        raise trouble


def _recover_slot(slot: Slot, directory: MinidumpDirectory, zone: tzinfo | None) -> Recovered | None:
    state, found = slot.status.state, None
    if state is SlotState.DAMAGED:
        return Recovered(slot.path, Outcome.DAMAGED, Absent.CORRUPT)
    if state in (SlotState.FILLING, SlotState.FULL):
        data, right = slot.content()
        date = name_date(data, zone, slot.status.date)
        if right and peek_bytes(data).state.readable:
            found = recover_dump(slot.path, data, directory, date)
        else:
            outcome = Outcome.CUT_OFF if state is SlotState.FILLING else Outcome.DAMAGED
            found = recover_rest(slot.path, data, outcome, directory, date)
        slot.spend()
    if slot.status.state is SlotState.SPENT:
        slot.wipe()
    return found


def recover_dump(source: Path, dump: Buffer, directory: MinidumpDirectory, date: CrashDate) -> Recovered:
    """Save a whole dump, unless the directory has these very bytes.

    Raises:
        StoreError: As for `MinidumpDirectory.save`.
    """
    if there := directory.find(dump):
        return Recovered(source, Outcome.ALREADY_THERE, there)
    saved = directory.save(dump, date)
    return Recovered(source, Outcome.SAVED, saved.path, saved)


def recover_rest(
    source: Path, rest: Buffer, outcome: Outcome, directory: MinidumpDirectory, date: CrashDate
) -> Recovered:
    """Keep what is left of a dump aside, unless the directory has these very bytes, or there are none but zeros.

    Raises:
        StoreError: As for `MinidumpDirectory.save`.
    """
    if not any(memoryview(rest).cast("B")):
        return Recovered(source, outcome, Absent.NOT_CAPTURED)
    path = directory.find(rest, ASIDE) or directory.keep_aside(rest, date)
    return Recovered(source, outcome, path)


def name_date(data: Buffer, zone: tzinfo | None, known: CrashDate | None = None) -> CrashDate:
    """The date in a recovered dump's name.

    Args:
        data: The dump, or what is left of it.
        zone: The time zone asked for now.
        known: What was known of the date when the dump was written. The machine's time zone comes first.
    """
    if known is not None and (known.source is DateSource.MACHINE or zone is None):
        return known
    facts = peek_bytes(data).facts
    return crash_date(facts if isinstance(facts, Absent) else facts.time, zone=zone)
