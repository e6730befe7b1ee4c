"""A composed dump becomes a file: in a Minidump directory, under a name of its own, or in the reserve."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import NamedTuple

from smalldump.collect import Failure
from smalldump.compose import Composed
from smalldump.errors import StoreError
from smalldump.memory import RangeMap
from smalldump.minidumps import CrashDate, DateSource, Exclusive, MinidumpDirectory, Reserve, crash_date
from smalldump.minidumps.filesystem import FileSystem, told
from smalldump.minidumps.peek import LARGEST_DUMP
from smalldump.minidumps.saving import NewFile, save_new
from smalldump.model import Absent, Machine, Snapshot
from smalldump.model.requests import RangeRequest, Rank
from smalldump.writer import Contents, Dropped, Plan, Profile
from smalldump.writer.profile import PROFILES
from smalldump.writer.scrub import ScrubLevel, Withheld

__all__ = [
    "Missing",
    "Place",
    "Sealed",
    "Written",
    "checked_size",
    "missing_from",
    "place_of",
    "profile_of",
    "requested",
    "scrub_level_of",
    "seal",
    "write_composed",
    "write_sealed",
]

_PAGE = 0x1000


class Missing(NamedTuple):
    """Memory that was asked for and is not in the dump.

    Attributes:
        address: First byte.
        size: Bytes.
        why: In words.
    """

    address: int
    size: int
    why: str


class Place(NamedTuple):
    """Where a dump goes: exactly one of the three.

    Attributes:
        into: A Minidump directory, in which the dump gets Windows' name.
        to: A new file.
        reserve: A directory with a reserve.
    """

    into: Path | None = None
    to: Path | None = None
    reserve: Path | None = None


class Written(NamedTuple):
    """A small memory dump that was written.

    Attributes:
        path: The file; in the reserve the slot that holds the dump.
        size: Bytes.
        profile: `classic` or `modern`.
        plan: Where each piece lies.
        dropped: What was given up, in the order in which it was.
        missing: Memory that the caller asked for and that is not in.
        failures: Contributors whose part is missing.
        scrub_level: What the dump may hold; None where it was not scrubbed.
        withheld: Bytes that scrubbing took away, by their place in the dump.
        how: By which call the file got its name without replacing another one; None in the reserve.
        directory_flushed: Whether that name is known to be on the disk (some systems cannot tell); None in the reserve.
        date_source: Whose time zone the date in the name follows; None where the name has none.
        slots_left: Empty slots of the reserve; None elsewhere.
    """

    path: Path
    size: int
    profile: str
    plan: Plan
    dropped: tuple[Dropped, ...]
    missing: tuple[Missing, ...]
    failures: tuple[Failure, ...]
    scrub_level: ScrubLevel | None
    withheld: Mapping[Withheld, int]
    how: Exclusive | None = None
    directory_flushed: bool | None = None
    date_source: DateSource | None = None
    slots_left: int | None = None


def place_of(
    into: str | os.PathLike[str] | None = None,
    to: str | os.PathLike[str] | None = None,
    reserve: str | os.PathLike[str] | None = None,
) -> Place:
    """The one place that was named.

    Raises:
        ValueError: None was, or several were.
    """
    if [into, to, reserve].count(None) != 2:
        raise ValueError("name exactly one of into=, to= and reserve=")
    return Place(*(None if name is None else Path(name) for name in (into, to, reserve)))


def profile_of(name: str | None) -> Profile | None:
    """The profile of that name; None for the machine's own.

    Raises:
        ValueError: There is none.
    """
    if name is not None and name not in PROFILES:
        raise ValueError(f"no profile: {name!r} (there are {' and '.join(PROFILES)})")
    return None if name is None else PROFILES[name]


def scrub_level_of(level: ScrubLevel | str | None) -> ScrubLevel | None:
    """The level of scrubbing, by its name too; None for none.

    Raises:
        ValueError: There is no such level.
    """
    if not isinstance(level, str):
        return level
    known = {each.value: each for each in ScrubLevel}
    if level not in known:
        raise ValueError(f"no level of scrubbing: {level!r} (there are {' and '.join(known)})")
    return known[level]


def checked_size(size: int | None) -> int | None:
    """The size, if a small memory dump can have it.

    Raises:
        ValueError: It is not from 1 byte to 64 MiB.
    """
    if size is not None and not 0 < size <= LARGEST_DUMP:
        raise ValueError(f"no size of a small memory dump: {size}")
    return size


def requested(page: int | RangeRequest, machine: Machine) -> RangeRequest:
    """A request of the caller's: an address stands for the page of 4 KiB that holds it.

    Raises:
        ValueError: A range is empty, or larger than any small memory dump.
    """
    if not isinstance(page, RangeRequest):
        return RangeRequest(page & machine.mask & -_PAGE, _PAGE, "asked for", rank=Rank.USER)
    if not 0 < page.size <= LARGEST_DUMP:
        raise ValueError(f"no size of a range: {page.size}")
    return page._replace(address=page.address & machine.mask, rank=Rank.USER)


class Sealed(NamedTuple):
    """A dump whose bytes are final: the machine that it was made of is not needed any more.

    Attributes:
        data: The file.
        date: For its name.
    """

    data: bytes
    date: CrashDate
    composed: Composed
    missing: tuple[Missing, ...]


def write_composed(
    machine: Snapshot,
    composed: Composed,
    place: Place,
    pages: Iterable[RangeRequest] = (),
    zone: tzinfo | None = None,
) -> Written:
    """Write a dump, whole or not at all, and never in the place of an existing file.

    Args:
        machine: What the dump was composed of.
        pages: What the caller asked for.
        zone: The time zone to take for the date in the name where the machine's memory does not tell it.

    Raises:
        StoreError: The disk refuses, the name is taken, or the reserve has no room; nothing has changed.
    """
    return write_sealed(seal(machine, composed, pages, zone), place)


def seal(
    machine: Snapshot, composed: Composed, pages: Iterable[RangeRequest] = (), zone: tzinfo | None = None
) -> Sealed:
    """The last look at the machine. Arguments are those of `write_composed`."""
    lost = tuple(missing_from(machine, composed, pages))
    return Sealed(composed.data(), _date(machine, zone), composed, lost)


def write_sealed(sealed: Sealed, place: Place) -> Written:
    """Write a dump, whole or not at all, and never in the place of an existing file.

    Raises:
        StoreError: The disk refuses, the name is taken, or the reserve has no room; nothing has changed.
    """
    data, composed = sealed.data, sealed.composed
    scrubbed = composed.scrubbed
    told_by_all = (
        len(data),
        composed.profile.name,
        composed.plan,
        composed.dropped,
        sealed.missing,
        composed.failures,
        None if scrubbed is None else scrubbed.level,
        {} if scrubbed is None else dict(scrubbed.removed),
    )
    if place.reserve is not None:
        filled = Reserve(place.reserve).fill(data, sealed.date)
        return Written(filled.path, *told_by_all, slots_left=filled.left)
    if place.to is not None:
        new = _save_as(place.to, data)
        return Written(new.path, *told_by_all, new.how, new.directory_flushed)
    if place.into is None:
        raise ValueError("no place to write to")
    saved = MinidumpDirectory(place.into).save(data, sealed.date)
    return Written(saved.path, *told_by_all, saved.how, saved.directory_flushed, saved.date_source)


def missing_from(machine: Snapshot, composed: Composed, pages: Iterable[RangeRequest]) -> Iterator[Missing]:
    """The parts of what was asked for that the dump does not hold."""
    held = _held(composed.contents)
    permitted = held if composed.scrubbed is None else _held(composed.scrubbed.contents)
    for page in pages:
        for start, end in held.gaps(page.address, page.end):
            scrubbed = any(permitted.gaps(start, end)) and composed.scrubbed is not None
            there = machine.memory.next_readable(start, end) is not None
            why = "taken out by scrubbing" if scrubbed else "given up"
            yield Missing(start, end - start, why if there else "not in the source")


def _held(contents: Contents) -> RangeMap[bool]:
    blocks = [(block.address, block.address + len(block.data), True) for block in contents.blocks]
    return RangeMap([*blocks, (contents.stack_start, contents.stack_start + len(contents.stack), True)])


def _date(machine: Snapshot, zone: tzinfo | None) -> CrashDate:
    dump = machine.dump
    crashed = dump if isinstance(dump, Absent) else dump.time
    return crash_date(crashed, machine.memory, machine.machine.bits, zone)


def _save_as(path: Path, data: bytes) -> NewFile:
    disk = FileSystem()
    if path.name in ("", ".."):
        raise StoreError(os.fspath(path), "cannot save: this names no file")
    with told(path, "cannot save"):
        try:
            return save_new(path.parent, iter([path.name]), lambda file: disk.write(file, data), disk)
        except FileExistsError as error:
            raise StoreError(os.fspath(path), "is there already, and nothing is overwritten") from error
