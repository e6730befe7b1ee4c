"""When a module was linked, where its TimeDateStamp is a date: reproducible builds put a hash in its place."""

from __future__ import annotations

from datetime import UTC, date, datetime

from smalldump.knowledge.drivers import driver
from smalldump.model import Absent, Module, Snapshot
from smalldump.model.absent import present

__all__ = ["is_link_time", "link_date"]

_FIRST_NT_DRIVER = datetime(1993, 1, 1, tzinfo=UTC).timestamp()
_FIRST_WINDOWS_10 = 10240
_DAY = 86_400.0


def is_link_time(module: Module, machine: Snapshot) -> bool:
    """Whether the module's TimeDateStamp looks like a date: of an NT driver, and before the machine stopped.

    Windows 10 and later put a hash there for what comes with Windows.
    """
    if isinstance(module.timestamp, Absent):
        return False
    latest = _crash_time(machine)
    dated = module.timestamp >= _FIRST_NT_DRIVER and (latest is None or module.timestamp <= latest + _DAY)
    return dated and not ((present(machine.system.build) or 0) >= _FIRST_WINDOWS_10 and _is_in_box(module))


def link_date(module: Module, machine: Snapshot) -> date | None:
    """The day, in UTC, on which the module was linked; None where its TimeDateStamp tells none."""
    if isinstance(module.timestamp, Absent) or not is_link_time(module, machine):
        return None
    return datetime.fromtimestamp(module.timestamp, UTC).date()


def _crash_time(machine: Snapshot) -> float | None:
    dump = machine.dump
    if isinstance(dump, Absent) or isinstance(dump.time, Absent):
        return None
    return dump.time.timestamp()


def _is_in_box(module: Module) -> bool:
    known = driver(module.file)
    return known is not None and known.vendor == "Microsoft"
