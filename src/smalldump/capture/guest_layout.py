"""Where a guest's memory lies: its physical ranges by QEMU's own account, and the file behind each.

`info mtree -f` tells ranges with holes (that below 4 GB, too), in lines like
`  0000000000100000-0000000001ffffff (prio 0, ram): ram @0000000000100000`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from smalldump.capture.monitor import Monitor
from smalldump.errors import CommandRefused

__all__ = ["BackingFile", "GuestRange", "backing_files", "guest_ranges", "host_address"]

_SPACE = re.compile(r'^ AS "memory", root: system\b', re.MULTILINE)
_RANGE = re.compile(r"^  ([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, ram\): (\S+)(?: @([0-9a-f]{16}))?", re.MULTILINE)
_HOST = re.compile(r"\(.*\) is 0x([0-9a-f]{1,16})\s*$")
_MOST_RANGES, _MOST_BACKENDS = 256, 64
_MOST_BYTES = 1 << 52


class GuestRange(NamedTuple):
    """Memory `[start, end)` that is at `offset` of a memory region."""

    start: int
    end: int
    region: str
    offset: int


class BackingFile(NamedTuple):
    """The file that a memory backend keeps its memory in.

    Attributes:
        region: Name of the memory region.
        offset: Where in the file the memory begins.
        shared: Whether the file shows what the guest writes.
    """

    region: str
    path: Path
    offset: int
    shared: bool


async def guest_ranges(monitor: Monitor) -> tuple[GuestRange, ...]:
    """The guest's memory, ascending.

    Raises:
        CommandRefused: QEMU does not tell, or not in words that are known.
        MonitorLost: The session ended.
    """
    return tuple(_ranges(await monitor.tell("info mtree -f"), str(monitor.path)))


def _ranges(text: str, path: str) -> Iterator[GuestRange]:
    view = next((part for part in text.split("FlatView #") if _SPACE.search(part)), "")
    at, number = 0, 0
    for number, found in enumerate(_RANGE.finditer(view), 1):
        start, end = int(found[1], 16), int(found[2], 16) + 1
        if start < at or end <= start or end > _MOST_BYTES or number > _MOST_RANGES:
            raise CommandRefused(path, "info mtree: its ranges make no sense")
        at = end
        yield GuestRange(start, end, found[3], int(found[4] or "0", 16))
    if not number:
        raise CommandRefused(path, "info mtree: no range of memory in it")


async def backing_files(monitor: Monitor) -> tuple[BackingFile, ...]:
    """The files of all memory backends that have one.

    Raises:
        CommandRefused: QEMU does not tell.
        MonitorLost: The session ended.
    """
    answer = await monitor.ask("query-memdev")
    backends = answer if isinstance(answer, list) else []
    names = [backend.get("id") for backend in backends[:_MOST_BACKENDS] if isinstance(backend, dict)]
    return tuple([found for name in names if isinstance(name, str) and (found := await _backing_file(monitor, name))])


async def _backing_file(monitor: Monitor, name: str) -> BackingFile | None:
    path, shared, offset = [await _property(monitor, name, key) for key in ("mem-path", "share", "offset")]
    if not isinstance(path, str) or not path:
        return None
    return BackingFile(name, Path(path), offset if isinstance(offset, int) else 0, shared is True)


async def _property(monitor: Monitor, name: str, key: str) -> object:
    try:
        return await monitor.ask("qom-get", {"path": f"/objects/{name}", "property": key})
    except CommandRefused:  # another kind of backend, or an older QEMU
        return None


async def host_address(monitor: Monitor, address: int) -> int:
    """Where QEMU itself has a byte of the guest's memory.

    Raises:
        CommandRefused: It does not tell.
        MonitorLost: The session ended.
    """
    answer = await monitor.tell(f"gpa2hva {address:#x}")
    found = _HOST.search(answer)
    if found is None:
        raise CommandRefused(str(monitor.path), f"gpa2hva: {' '.join(answer.split())[:200]}")
    return int(found[1], 16)
