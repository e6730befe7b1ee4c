"""Known drivers: lookups, precedence, and the rules of the table."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.knowledge.drivers import LONGEST_NAME, Role, Skip, all_drivers, driver, made_by
from smalldump.knowledge.table import table_path

SOURCE = table_path("drivers.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "vendor", "role", "skip"),
    [
        ("nt", "Microsoft", Role.KERNEL, Skip.ALWAYS),
        ("ntoskrnl.exe", "Microsoft", Role.KERNEL, Skip.ALWAYS),
        ("ntkrnlpa.exe", "Microsoft", Role.KERNEL, Skip.ALWAYS),
        ("hal.dll", "Microsoft", Role.HAL, Skip.ALWAYS),
        ("Wdf01000.sys", "Microsoft", Role.FRAMEWORK, Skip.ALWAYS),
        ("fltmgr", "Microsoft", Role.FILTER_MANAGER, Skip.ALWAYS),
        ("VerifierExt.sys", "Microsoft", Role.VERIFIER, Skip.ALWAYS),
        ("ndis.sys", "Microsoft", Role.NETWORK, Skip.USUALLY),
        ("storport.sys", "Microsoft", Role.STORAGE, Skip.USUALLY),
        ("dxgkrnl.sys", "Microsoft", Role.GRAPHICS_KERNEL, Skip.USUALLY),
        ("win32kbase.sys", "Microsoft", Role.WIN32, Skip.USUALLY),
        ("Ntfs.sys", "Microsoft", Role.FILE_SYSTEM, Skip.USUALLY),
        ("ACPI.sys", "Microsoft", Role.BUS, Skip.USUALLY),
        ("amdppm.sys", "Microsoft", Role.PROCESSOR, Skip.NEVER),
        ("vhdmp.sys", "Microsoft", Role.STORAGE, Skip.NEVER),
        ("GenuineIntel.sys", "Microsoft", Role.PLACEHOLDER, Skip.ALWAYS),
        ("nvlddmkm.sys", "NVIDIA", Role.GRAPHICS, Skip.NEVER),
        ("igdkmd64.sys", "Intel", Role.GRAPHICS, Skip.NEVER),
        ("atikmdag.sys", "AMD", Role.GRAPHICS, Skip.NEVER),
        ("Netwtw10.sys", "Intel", Role.NETWORK, Skip.NEVER),
        ("rtwlane601.sys", "Realtek", Role.NETWORK, Skip.NEVER),
        ("iaStorA.sys", "Intel", Role.STORAGE, Skip.NEVER),
        ("klif.sys", "Kaspersky", Role.ANTIVIRUS, Skip.NEVER),
        ("CSAgent.sys", "CrowdStrike", Role.ANTIVIRUS, Skip.NEVER),
        ("vgk.sys", "Riot Games", Role.ANTI_CHEAT, Skip.NEVER),
        ("BEDaisy.sys", "BattlEye", Role.ANTI_CHEAT, Skip.NEVER),
        ("RTCore64.sys", "Micro-Star", Role.MONITORING, Skip.NEVER),
        ("VBoxDrv.sys", "Oracle", Role.VIRTUALIZATION, Skip.NEVER),
        ("tap0901.sys", "OpenVPN", Role.VPN, Skip.NEVER),
        ("wintun.sys", "WireGuard", Role.VPN, Skip.NEVER),
    ],
)
def test_well_known_drivers(name: str, vendor: str, role: Role, skip: Skip) -> None:
    found = driver(name)
    assert found is not None
    assert (found.vendor, found.role, found.skip) == (vendor, role, skip)


def test_case_and_extension_do_not_matter() -> None:
    forms = ["tcpip", "TCPIP", "tcpip.sys", "TcpIp.SYS", "tcpip.dll", "tcpip.exe"]
    assert {driver(form) for form in forms} == {driver("tcpip")}


@pytest.mark.parametrize("name", ["mshidkmdf.sy", "dumpsdport.s", "ehstorclass."])
def test_names_of_unloaded_drivers_may_be_cut_in_the_extension(name: str) -> None:
    found = driver(name)
    assert found is not None
    assert found.name == name.partition(".")[0]


def test_an_exact_name_comes_before_a_family() -> None:
    guard = driver("dump_wmimmc.sys")
    copy = driver("dump_storport.sys")
    assert guard is not None
    assert copy is not None
    assert (guard.role, copy.role) == (Role.ANTI_CHEAT, Role.CRASH_DUMP)
    assert copy.name == "dump_*"


def test_the_longest_family_comes_first() -> None:
    cpuz, corsair = driver("cpuz158_x64.sys"), driver("cpuz_corsair64.sys")
    assert cpuz is not None
    assert corsair is not None
    assert (cpuz.vendor, corsair.vendor) == ("CPUID", "Corsair")


def test_a_family_includes_its_beginning_alone() -> None:
    alone = driver("procmon.sys")
    assert alone is not None
    assert alone.name == "procmon*"


@pytest.mark.parametrize("name", ["", ".sys", "nosuchdriver.sys", "n", "nt2", "halx", "*", "dump_*x\x00", "ndis\t"])
def test_unknown_names(name: str) -> None:
    found = driver(name)
    assert found is None or found.name == "dump_*"


@given(name=st.text(max_size=40))
def test_any_name_is_answered(name: str) -> None:
    found = driver(name)
    if found is not None:
        stem = name.lower()
        assert stem.startswith(found.name.rstrip("*"))


def test_every_entry_is_found_under_its_name() -> None:
    for known in all_drivers():
        assert driver(known.name) == known
        assert driver(f"{known.name.upper()}.SYS") == known


def test_the_table_is_large_and_has_both_sides() -> None:
    entries = all_drivers()
    assert sum(entry.vendor == "Microsoft" and not entry.product for entry in entries) >= 450
    assert sum(entry.vendor != "Microsoft" for entry in entries) >= 900


def test_names_of_any_length_are_looked_up_at_once() -> None:
    assert max(len(entry.name.rstrip("*")) for entry in all_drivers()) <= LONGEST_NAME
    assert driver("x" * 100_000) is None
    family = next(entry for entry in all_drivers() if entry.name.endswith("*"))
    assert driver(family.name.rstrip("*") + "~" * 100_000) == family


def test_no_driver_stands_twice() -> None:
    groups = tomllib.loads(SOURCE)["group"]
    names = [name.lower() for group in groups for name in group["drivers"]]
    assert len(names) == len(set(names)) == len(all_drivers())


def test_names_are_lower_case_stems() -> None:
    for group in tomllib.loads(SOURCE)["group"]:
        for name in group["drivers"]:
            assert re.fullmatch(r"[a-z0-9][a-z0-9_.\-]+\*?", name), name
            assert not name.endswith((".sys", ".exe", ".dll"))


def test_every_role_is_documented_and_in_use() -> None:
    head = SOURCE.partition("[[group]]")[0]
    documented = re.findall(r"^#   (\w+)  +\S", head.partition("# role:")[2], re.MULTILINE)
    used = {entry.role for entry in all_drivers()}
    assert len(documented) == len(set(documented))
    assert set(documented) == {role.value for role in Role} == {role.value for role in used}


def test_every_degree_of_skipping_is_documented() -> None:
    head = SOURCE.partition("# skip:")[2].partition("# role:")[0]
    assert re.findall(r"^#   (\w+)  +\S", head, re.MULTILINE) == [skip.value for skip in Skip]


def test_drivers_of_other_makers_are_never_skipped() -> None:
    skipped = [entry for entry in all_drivers() if entry.skip is not Skip.NEVER and entry.vendor != "Microsoft"]
    assert skipped == []


def test_vendors_are_single_makers() -> None:
    assert not [entry for entry in all_drivers() if "," in entry.vendor or " and " in entry.vendor]
    assert all(entry.product for entry in all_drivers() if entry.vendor != "Microsoft")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("klif.sys", "Kaspersky antivirus"),
        ("wintun.sys", "WireGuard"),
        ("atikmdag.sys", "AMD Radeon drivers"),
        ("SRTSP64.SYS", "Norton / Symantec security"),
        ("IntelTA.sys", "Microsoft"),
        ("UcmCx.sys", "Microsoft"),
        ("KMPDC.sys", "Microsoft"),
        ("diskperf.sys", "Microsoft"),
        ("uhcd.sys", "Microsoft"),
    ],
)
def test_maker_and_product_name_the_maker_once(name: str, words: str) -> None:
    found = driver(name)
    assert found is not None
    assert made_by(found.vendor, found.product) == words


def test_no_maker_is_named_twice() -> None:
    for entry in all_drivers():
        words = made_by(entry.vendor, entry.product).split()
        assert all(one != other for one, other in pairwise(words)) or words[1].isdigit(), words
