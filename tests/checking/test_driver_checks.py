"""One test per finding about the driver list."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.checking.asking import ERROR, INFO, WARNING, codes, findings_of, new_finding
from tests.sources.reading import read
from tests.synth import Driver, Dump, arm64_dump, kernel_written_dump, x64_dump, x86_dump

ALL = {"x64": x64_dump(), "kernel": kernel_written_dump(), "x86": x86_dump(), "arm64": arm64_dump()}
every_dump = pytest.mark.parametrize("dump", list(ALL.values()), ids=list(ALL))


def test_driver_limit() -> None:
    dump = x64_dump()
    finding = new_finding(dump, dump.patch("TRIAGE_DUMP.DriverCount", 4097), "driver-limit")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset("TRIAGE_DUMP.DriverCount"))
    assert "driver-limit" not in codes(dump.patch("TRIAGE_DUMP.DriverCount", 4096))


def test_names_without_end() -> None:
    names = [f"{index:04}{'x' * 500}.sys" for index in range(300)]
    drivers = [Driver(name, 0xFFFFF80300000000 + 0x1000 * index, 0x1000) for index, name in enumerate(names)]
    dump = x64_dump(drivers=drivers)
    (finding,) = (finding for finding in findings_of(dump) if finding.code == "driver-limit")
    assert finding.message == "the names of the drivers have 152,400 characters; the first 131,072 are read"
    machine = read(dump)
    shown = [module.file for module in machine.modules]
    assert shown[:250] == names[:250]
    assert shown[-1] == f"Unknown_Module_{drivers[-1].base:016x}"
    assert len(machine.modules) == len(names)


@every_dump
@pytest.mark.parametrize("target", [0x10, 0xFFFFFFFE])
def test_driver_names_outside_pool(dump: Dump, target: int) -> None:
    changed = dump.patch("drivers[2].DriverNameOffset", target).patch("drivers[5].DriverNameOffset", target)
    finding = new_finding(dump, changed, "driver-names-outside-pool")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("drivers[2].DriverNameOffset"))
    assert finding.message.startswith(f"2 of {len(dump.facts.drivers)} driver names")


@every_dump
@pytest.mark.parametrize("length", [0, 521, 0xFFFFFFFF])
def test_driver_names_damaged(dump: Dump, length: int) -> None:
    finding = new_finding(dump, dump.patch(dump.offset("drivers[3].name"), length), "driver-names-damaged")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("drivers[3].name"))


@every_dump
def test_last_driver_name_may_not_leave_the_pool(dump: Dump) -> None:
    last = f"drivers[{len(dump.facts.drivers) - 1}].name"
    room = (dump.offsets["strings"].end - dump.offset(last) - 4) // 2
    assert "driver-names-damaged" in codes(dump.patch(dump.offset(last), room + 1))


@every_dump
def test_drivers_repeated(dump: Dump) -> None:
    finding = new_finding(dump, dump.patch("drivers[4]", dump.read("drivers[1]")), "drivers-repeated")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset("drivers"))
    count = len(dump.facts.drivers)
    assert f"{count} entries for {count - 1} drivers" in finding.message


@every_dump
@pytest.mark.parametrize(("field", "value"), [("SizeOfImage", 0), ("DllBase", -0x1000), ("DllBase", 0x10000)])
def test_driver_range(dump: Dump, field: str, value: int) -> None:
    finding = new_finding(dump, dump.patch(f"drivers[1].{field}", value), "driver-range")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset("drivers[1].DllBase"))


def test_drivers_paged_out() -> None:
    drivers = [Driver.invented(driver.path, driver.base, driver.size) for driver in x64_dump().facts.drivers]
    whole = x64_dump(drivers=drivers)
    drivers[7] = replace(drivers[7], timestamp=0, checksum=0)
    finding = new_finding(whole, x64_dump(drivers=drivers), "drivers-paged-out")
    assert (finding.severity, finding.offset) == (INFO, whole.offset("drivers"))
    assert finding.message.startswith(f"1 of {len(drivers)} drivers")


@every_dump
def test_kernel_not_first(dump: Dump) -> None:
    first, second = dump.read("drivers[0]"), dump.read("drivers[1]")
    finding = new_finding(dump, dump.patch("drivers[0]", second).patch("drivers[1]", first), "kernel-not-first")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset("drivers[0].DllBase"))
    assert f"expected base {dump.facts.kernel.base:#x}" in finding.message


@every_dump
@pytest.mark.parametrize("offset", [0x10, 0x41414141])
def test_broken_driver_out_of_range(dump: Dump, offset: int) -> None:
    finding = new_finding(dump, dump.patch("TRIAGE_DUMP.BrokenDriverOffset", offset), "broken-driver-out-of-range")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("TRIAGE_DUMP.BrokenDriverOffset"))
    inside = dump.patch("TRIAGE_DUMP.BrokenDriverOffset", dump.offset("drivers[1].name"))
    assert "broken-driver-out-of-range" not in codes(inside)


def test_writer_overflowed_as_dbgeng_leaves_it() -> None:
    dump = x64_dump()  # slots stay reserved for drivers whose names found no room
    changed = dump.patch("TRIAGE_DUMP.DriverCount", len(dump.facts.drivers) - 6)
    finding = new_finding(dump, changed, "writer-overflowed")
    assert (finding.severity, finding.offset) == (INFO, dump.offset("TRIAGE_DUMP.DriverCount"))
    assert "6 drivers are left out" in finding.message


def test_writer_overflowed_as_the_kernel_says_it() -> None:
    dump = kernel_written_dump()
    assert "writer-overflowed" in codes(dump.patch("TRIAGE_DUMP.TriageOptions", 0x141))
    assert "writer-overflowed" not in codes(dump)


def test_a_driver_list_that_leads_out_of_the_dump_says_nothing_about_drivers() -> None:
    dump = x64_dump()
    assert codes(dump.damaged("driver count wild")) == {"section-out-of-range", "driver-limit"}
