"""Ways into a guest's memory, the fastest first; each is tried, proved right, and told with what it needs.

A shared memory file needs the right to read that file. QEMU's own memory needs the right to trace its process: the
same user, or CAP_SYS_PTRACE. The monitor alone needs nothing more, and is the slowest.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from smalldump.capture.core_dump import core_dump
from smalldump.capture.exposure import exposed
from smalldump.capture.guest_layout import BackingFile, GuestRange, backing_files, guest_ranges, host_address
from smalldump.capture.guest_space import GuestSpace, MonitorFile
from smalldump.capture.monitor import Monitor
from smalldump.errors import CommandRefused, MonitorLost, SourceUnreadable
from smalldump.memory import PAGE, FileSpace, OpenedFile, opened_file
from smalldump.model.absent import Absent
from smalldump.sources.physical_memory import PhysicalMemory

__all__ = ["WAYS", "GuestMemory", "Way", "guest_memory"]

_PROCESS_END = 1 << 47
_PIECES = list[tuple[GuestRange, FileSpace, int]]


class Way(NamedTuple):
    """A way into the memory.

    Attributes:
        name: For programs.
        words: For people.
        needs: The rights that it takes.
    """

    name: str
    words: str
    needs: str


FILE = Way("memory_file", "its shared memory file", "to read the file behind memory-backend-file,share=on")
PROCESS = Way("process_memory", "QEMU's process memory", "to be QEMU's user, or CAP_SYS_PTRACE")
MONITOR = Way("monitor", "its monitor", "nothing but the monitor")
WAYS = {way.name: way for way in (FILE, PROCESS, MONITOR)}


class GuestMemory(NamedTuple):
    """A guest's processors and memory.

    Attributes:
        physical: Both; closing it gives files back.
        way: How the memory is read.
        passed_over: Faster ways that are not open, and why not.
    """

    physical: PhysicalMemory
    way: Way
    passed_over: tuple[tuple[Way, str], ...]


async def guest_memory(monitor: Monitor, ways: tuple[Way, ...] = (FILE, PROCESS, MONITOR)) -> GuestMemory:
    """The memory of a guest that stands still.

    Raises:
        CommandRefused: QEMU gives neither memory nor registers.
        MonitorLost: The session ended.
    """
    core = await core_dump(monitor, 0, PAGE)
    ranges = await guest_ranges(monitor)
    passed: list[tuple[Way, str]] = []
    for way in ways:
        with ExitStack() as opened:
            try:
                space = GuestSpace(await _OPENERS[way](monitor, ranges, opened))
                await _prove(monitor, core, space, way)
            except MonitorLost:
                raise
            except SourceUnreadable as error:
                if way is ways[-1]:
                    raise
                passed.append((way, error.why))
                continue
            release = opened.pop_all().close
            kind = f"virtual machine, by {way.words}"
            physical = PhysicalMemory(kind, space, core.machine, cpus=core.cpus, release=release)
            return GuestMemory(physical, way, tuple(passed))
    raise CommandRefused(str(monitor.path), "no way into the guest's memory was asked for")


async def _prove(monitor: Monitor, core: PhysicalMemory, space: GuestSpace, way: Way) -> None:
    """Hold pages against what QEMU says of them: at 0, the first page tables, the beginning of the last range."""
    if way is MONITOR:
        return
    tables = {cpu.cr3 & -PAGE & (1 << 52) - 1 for cpu in core.cpus[:1] if not isinstance(cpu.cr3, Absent)}
    last = [start for start, _ in space.ranges()][-1]
    for address in sorted({0, last, *tables}):
        true = core if address == 0 else await core_dump(monitor, address, PAGE)
        if space.read_some(address, PAGE) != true.space.read_some(address, PAGE):
            raise CommandRefused(str(monitor.path), f"{way.words} shows something else at {address:#x} than QEMU")


async def _by_file(monitor: Monitor, ranges: tuple[GuestRange, ...], opened: ExitStack) -> _PIECES:
    files = {found.region: found for found in await backing_files(monitor)}
    spaces: dict[str, OpenedFile] = {}
    pieces: _PIECES = []
    for each in ranges:
        backing = files.get(each.region.removeprefix("/objects/"))
        if backing is None:
            raise CommandRefused(str(monitor.path), f"no memory-backend-file behind {each.region!r}")
        if backing.region not in spaces:
            spaces[backing.region] = _readable(backing, monitor.user)
            opened.callback(spaces[backing.region].close)
        pieces.append((each, spaces[backing.region], backing.offset + each.offset))
    return pieces


def _readable(backing: BackingFile, user: int) -> OpenedFile:
    path = str(backing.path)
    if not backing.shared:
        raise SourceUnreadable(path, "not share=on: the guest's memory is not in it")
    try:
        found = backing.path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SourceUnreadable(path, "no regular file")
        if user not in (0, found.st_uid):  # a guest must not lead us to what is not its own
            raise SourceUnreadable(path, f"refused: it belongs to user {found.st_uid}, QEMU runs as {user}")
        if why := exposed(backing.path, user):
            raise SourceUnreadable(path, f"refused: {why}")
    except OSError as error:
        raise SourceUnreadable(path, error.strerror or str(error)) from error
    opened = opened_file(backing.path.resolve())
    if not os.path.samestat(opened.status(), found):  # whoever may name the file may exchange it, too
        opened.close()
        raise SourceUnreadable(path, "refused: another file has taken its place")
    return opened


async def _by_process(monitor: Monitor, ranges: tuple[GuestRange, ...], opened: ExitStack) -> _PIECES:
    path = Path(f"/proc/{monitor.process}/mem")
    if not monitor.process:
        raise SourceUnreadable(str(path), "the socket does not tell QEMU's process")
    try:
        memory = OpenedFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC), _PROCESS_END, str(path))
    except OSError as error:
        raise SourceUnreadable(str(path), f"{error.strerror} (it takes {PROCESS.needs})") from error
    opened.callback(memory.close)
    return [(each, memory, await host_address(monitor, each.start)) for each in ranges]


async def _by_monitor(monitor: Monitor, ranges: tuple[GuestRange, ...], _: ExitStack) -> _PIECES:
    file = MonitorFile(monitor, ranges[-1].end)
    return [(each, file, each.start) for each in ranges]


_OPENERS: dict[Way, Callable[[Monitor, tuple[GuestRange, ...], ExitStack], Awaitable[_PIECES]]] = {
    FILE: _by_file,
    PROCESS: _by_process,
    MONITOR: _by_monitor,
}
