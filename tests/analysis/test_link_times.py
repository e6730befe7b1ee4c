from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from smalldump.analysis import analyse
from smalldump.analysis.link_times import is_link_time, link_date
from smalldump.model import Absent, BugCheck, Snapshot
from smalldump.sources.builder import SnapshotBuilder, driver

BASE, KERNEL = 0xFFFFF80020000000, 0xFFFFF80010000000
LINKED, CRASHED = datetime(2025, 8, 29, 12, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)


def machine(timestamp: int, file: str = "wobblefs.sys", build: int = 26100) -> Snapshot:
    modules = [driver("ntoskrnl.exe", KERNEL, 0x800000), driver(file, BASE, 0x8000)._replace(timestamp=timestamp)]
    stop = BugCheck(0xD1, (0x28, 2, 0, BASE + 0x10))
    return SnapshotBuilder(bug_check=stop, modules=modules, build_number=build, time=CRASHED).build()


def test_a_date_is_told_in_what_to_do() -> None:
    found = machine(int(LINKED.timestamp()))
    assert link_date(found.modules[1], found) == date(2025, 8, 29)
    assert analyse(found).verdict.next_steps[0] == "Update or remove wobblefs.sys (linked 2025-08-29)."


@pytest.mark.parametrize("timestamp", [0, 0x12345678, int(CRASHED.timestamp()) + 10 * 86400, 0xFFFFFFFF])
def test_what_is_no_date_is_not_told(timestamp: int) -> None:
    found = machine(timestamp)
    assert link_date(found.modules[1], found) is None
    assert analyse(found).verdict.next_steps[0] == "Update or remove wobblefs.sys."


def test_what_comes_with_windows_10_has_a_hash() -> None:
    assert not is_link_time((ten := machine(int(LINKED.timestamp()), "tcpip.sys")).modules[1], ten)
    assert is_link_time((seven := machine(int(LINKED.timestamp()), "tcpip.sys", 7601)).modules[1], seven)
    assert not is_link_time(ten.modules[1]._replace(timestamp=Absent.NOT_CAPTURED), ten)
