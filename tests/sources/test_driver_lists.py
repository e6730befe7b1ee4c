"""Loaded and unloaded drivers, what WinDbg calls them, and the one that Windows blames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.model import Absent, UnloadedModule
from smalldump.sources.driver_lists import module_name
from smalldump.sources.triage_file import DRIVER_LIMIT
from tests.sources.reading import known, read
from tests.synth import Driver, Dump, UnloadedDriver, kernel_written_dump, win2000_dump, x64_dump, x86_dump


@pytest.mark.parametrize("dump", [x64_dump(), kernel_written_dump(), x86_dump()], ids=["x64", "kernel", "x86"])
def test_loaded_drivers(dump: Dump) -> None:
    modules = read(dump).modules
    assert [(module.base, module.size, module.file) for module in modules] == [
        (driver.base, driver.size, driver.name) for driver in dump.facts.drivers
    ]
    assert [module.path for module in modules] == [
        driver.path if dump.facts.style.full_paths else driver.name for driver in dump.facts.drivers
    ]
    for module, driver in zip(modules, dump.facts.drivers, strict=True):
        assert module.end == driver.end
        if driver.timestamp:
            assert (module.timestamp, module.checksum) == (driver.timestamp, driver.checksum)


def test_a_header_that_was_paged_out() -> None:
    dump = x64_dump()
    paged_out = [driver.name for driver in dump.facts.drivers if not driver.timestamp]
    assert paged_out
    modules = [module for module in read(dump).modules if module.timestamp is Absent.PAGED_OUT]
    assert [module.file for module in modules] == paged_out
    assert all(module.checksum is Absent.PAGED_OUT for module in modules)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Ntfs.sys", "Ntfs"),
        ("FLTMGR.SYS", "FLTMGR"),
        ("noext", "noext"),
        ("1394ohci.sys", "1394ohci"),
        ("my-driver.sys", "my_driver"),
        ("my driver.sys", "my_driver"),
        ("a.b.c.sys", "a_b_c"),
        ("p(1).sys", "p_1_"),
        ("x@y#z$.sys", "x_y_z_"),
        ("{abc}.sys", "_abc_"),
        ("e\u00e9\u4e2d.sys", "e__"),
        ("trail_.", "trail_"),
        ("a..sys", "a_"),
        ("hal.dll", "hal"),
        ("HALAACPI.DLL", "hal"),
        ("halmacpi.dll", "hal"),
        ("hal486c.dll", "hal"),
        ("halncr.dll", "halncr"),
        ("HalExtQCWdogTimer.dll", "HalExtQCWdogTimer"),
        ("KDCOM.DLL", "kdcom"),
        ("kd1394.dll", "kdcom"),
        ("Kdnet.dll", "kdcom"),
        ("kdusb.dll", "kdcom"),
        ("kdusb.sys", "kdusb"),
        ("kd_02_8086.dll", "kd_02_8086"),
        ("kdhvcom.dll", "kdhvcom"),
        ("kd.dll", "kd"),
        ("ntkrnlmp.exe", "nt"),
        ("ntkrpamp.exe", "nt"),
        ("ntkrla57.exe", "ntkrla57"),
        ("ntoskrnl.sys", "ntoskrnl"),
        ("HVIX64.EXE", "hv"),
        ("hvix64.dll", "hvix64"),
    ],
)
def test_names_as_the_engine_gave_them(file: str, name: str) -> None:
    assert module_name(file) == name


@pytest.mark.parametrize("file", ["ntoskrnl.exe", "ntkrla57.exe", "foo.bar.exe", "hal.dll", ""])
def test_the_first_driver_is_the_kernel(file: str) -> None:
    assert module_name(file, kernel=True) == "nt"


@given(st.text(min_size=1))
def test_names_are_plain(file: str) -> None:
    name = module_name(file)
    assert name.replace("_", "a").isalnum()
    assert name.isascii()


@pytest.mark.parametrize(("dump", "digits"), [(x64_dump(), 16), (x86_dump(), 8)], ids=["64-bit", "32-bit"])
def test_drivers_that_share_a_name(dump: Dump, digits: int) -> None:
    """The first keeps it; the others get their address behind it, whatever the case of the letters."""
    base = dump.facts.kernel.end + 0x100000
    files = ["dup.sys", "DUP.SYS", "my-dup.sys", "my dup.sys", "ntkrnlmp.exe"]
    drivers = [Driver(file, base + 0x10000 * i, 0x8000, 1, 1) for i, file in enumerate(files)]
    machine = read(
        dump.facts.with_(drivers=[dump.facts.kernel, *drivers], blocks=(), size=0, broken_driver=None).build()
    )
    assert [module.name for module in machine.modules] == [
        "nt",
        "dup",
        f"DUP_{drivers[1].base:0{digits}x}",
        "my_dup",
        f"my_dup_{drivers[3].base:0{digits}x}",
        f"nt_{drivers[4].base:0{digits}x}",
    ]


def test_a_looping_list_counts_each_driver_once() -> None:
    """The writer followed a looping list until its space was full: the same entries again and again."""
    drivers = list(x64_dump().facts.drivers[:4])
    machine = read(x64_dump(drivers=drivers + drivers[1:] * 300))
    assert [module.base for module in machine.modules] == [driver.base for driver in drivers]


def test_two_sizes_at_one_address_are_two_entries() -> None:
    kernel, second, *_ = x64_dump().facts.drivers
    other = Driver("other.sys", second.base, second.size + 0x1000, 1, 1)
    assert len(read(x64_dump(drivers=[kernel, second, other])).modules) == 3


def test_an_entry_without_address_is_left_out() -> None:
    dump = x64_dump().patch("drivers[1].DllBase", 0)
    assert len(read(dump).modules) == len(dump.facts.drivers) - 1


@pytest.mark.parametrize("offset", [0, 0xFFFFFFF0])
def test_a_driver_whose_name_is_not_there(offset: int) -> None:
    """It is called as Microsoft's engine calls it."""
    wide = read(x64_dump().patch("drivers[3].DriverNameOffset", offset)).modules[3]
    assert wide.name == wide.path == f"Unknown_Module_{wide.base:016x}"
    narrow = read(x86_dump().patch("drivers[3].DriverNameOffset", offset)).modules[3]
    assert narrow.name == f"Unknown_Module_{narrow.base:08x}"


def test_a_wild_count_is_bounded_by_the_file() -> None:
    machine = read(x64_dump().patch("TRIAGE_DUMP.DriverCount", 0xFFFFFFFF))
    assert len(machine.modules) <= min(DRIVER_LIMIT, len(machine.file.data) // 0x90)


# Unloaded drivers


def test_unloaded_drivers() -> None:
    dump = x64_dump()
    assert known(read(dump).unloaded_modules) == tuple(
        UnloadedModule(driver.name[:12], driver.start, driver.end, len(driver.name) >= 12)
        for driver in dump.facts.unloaded or ()
    )


def test_names_are_cut_at_twelve_characters() -> None:
    """A name of exactly twelve characters may be whole or cut: the dump cannot tell."""
    names = ["short.sys", "elevenc.sys", "twelve_c.sys", "dump_storport.sys"]
    unloaded = [UnloadedDriver(name, 0x1000 * i + 0x1000, 0x1000 * i + 0x1800) for i, name in enumerate(names)]
    for dump in (x64_dump(unloaded=unloaded), x86_dump(unloaded=unloaded)):
        found = known(read(dump).unloaded_modules)
        assert [(module.name, module.truncated_name) for module in found] == [
            ("short.sys", False),
            ("elevenc.sys", False),
            ("twelve_c.sys", True),
            ("dump_storpor", True),
        ]


def test_length_says_how_much_of_the_name_counts() -> None:
    dump = x64_dump()
    assert known(read(dump.patch("unloaded[0].Length", 6)).unloaded_modules)[0].name == "Wob"
    assert known(read(dump.patch("unloaded[0].Length", 0xFFFF)).unloaded_modules)[0].name == "WobbleSetup."


def test_an_end_below_the_start_is_no_range() -> None:
    module = known(read(x64_dump().patch("unloaded[0].EndAddress", 1)).unloaded_modules)[0]
    assert module.end == module.base


def test_a_wild_unloaded_count() -> None:
    assert len(known(read(x64_dump().patch("unloaded.count", -1)).unloaded_modules)) <= 50


def test_no_list_and_an_empty_list() -> None:
    assert read(win2000_dump()).unloaded_modules is Absent.NOT_CAPTURED
    assert read(x64_dump(unloaded=[])).unloaded_modules == ()


def test_unloaded_at() -> None:
    machine = read(x86_dump())
    last = known(machine.unloaded_modules)[0]
    assert machine.unloaded_at(last.base) == machine.unloaded_at(last.end - 1) == last
    assert machine.unloaded_at(last.end) is None
    assert read(win2000_dump()).unloaded_at(0x1000) is None


# The driver that Windows blames


def test_no_broken_driver() -> None:
    assert read(x64_dump()).broken_driver is Absent.NOT_CAPTURED


def test_a_broken_driver_by_its_name() -> None:
    dump = x64_dump(broken_driver=5)
    assert read(dump).broken_driver == dump.facts.drivers[5].path


def test_a_broken_driver_by_its_entry() -> None:
    dump = x64_dump()
    leads_to_entry = dump.patch("TRIAGE_DUMP.BrokenDriverOffset", dump.offset("drivers[7]"))
    assert read(leads_to_entry).broken_driver == dump.facts.drivers[7].path


@pytest.mark.parametrize(
    ("offset", "reason"),
    [(0x10, Absent.UNSUPPORTED), (0x48, Absent.UNSUPPORTED), (0xFFFFFFFF, Absent.CORRUPT)],
)
def test_a_broken_driver_elsewhere_is_not_understood(offset: int, reason: Absent) -> None:
    assert read(x64_dump().patch("TRIAGE_DUMP.BrokenDriverOffset", offset)).broken_driver is reason
