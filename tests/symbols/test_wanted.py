"""What stores are asked for: keys, and that no name leads out of a store."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smalldump.symbols.folder_store import store_paths
from smalldump.symbols.keeping import place_in
from smalldump.symbols.wanted import Wanted, WantedImage, WantedPdb
from tests.symbols.files import GUID

NAMES = st.one_of(st.text(max_size=30), st.text(alphabet="./\\:ab\0 %~$*?nulcom1", max_size=30))


def test_keys() -> None:
    assert WantedImage(r"\SystemRoot\System32\ntoskrnl.exe", 0xFC9570F0, 0x1046000).key == (
        "ntoskrnl.exe/FC9570F01046000/ntoskrnl.exe"
    )
    assert WantedPdb(r"d:\x\a.pdb", GUID, 0x1A).key == "a.pdb/762CF42EF7F38E116EF7329ADAA09A311a/a.pdb"
    assert WantedPdb("old.pdb", "3b7d8453", 2).key == "old.pdb/3B7D84532/old.pdb"


def test_the_order_of_asking() -> None:
    wanted = WantedImage("hal.dll", 0xAB, 0x1000)
    assert store_paths(wanted, False) == (
        ("hal.dll", "000000AB1000", "hal.dll"),
        ("hal.dll", "000000AB1000", "hal.dl_"),
        ("hal.dll", "000000AB1000", "file.ptr"),
    )
    assert store_paths(wanted, True)[1] == ("ha", "hal.dll", "000000AB1000", "hal.dl_")


@pytest.mark.parametrize(
    "wanted",
    [
        WantedImage("..", 1, 1),
        WantedImage("a.sys", -1, 1),
        WantedImage("a.sys", 1 << 32, 1),
        WantedImage("a.sys", 1, 0),
        WantedPdb("a.pdb", "../../..", 1),
        WantedPdb("a.pdb", GUID, -1),
        WantedPdb("a.pdb", "٣" * 32, 1),
        WantedPdb("nul.pdb", GUID, 1),
    ],
)
def test_what_no_store_can_have(wanted: Wanted) -> None:
    assert wanted.parts is None
    assert store_paths(wanted, True) == ()
    assert place_in(Path("store"), wanted) is None


@given(NAMES, st.text(max_size=40), st.integers(-5, 1 << 33))
@example("..\\..\\a.pdb", GUID, 1)
def test_no_name_leads_out_of_a_store(name: str, guid: str, number: int) -> None:
    for wanted in (WantedImage(name, number, number), WantedPdb(name, guid, number), WantedPdb(name, GUID, 1)):
        assert wanted.key  # can be shown
        for tiers in (False, True):
            for parts in store_paths(wanted, tiers):
                assert_inside(parts)


def assert_inside(parts: tuple[str, ...]) -> None:
    for part in parts:
        assert part not in ("", ".", "..")
        assert not set(part) & set('/\\:*?"<>|\0')
        for kind in (PurePosixPath, PureWindowsPath):
            assert (kind("store") / part).parent == kind("store")
