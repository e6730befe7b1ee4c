from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.images.identity import image_key, pdb_key, safe_file_name


def test_the_time_stamp_is_padded_and_upper_case_the_size_neither() -> None:
    assert image_key("ntoskrnl.exe", 0xFC9570F0, 0x1046000) == "ntoskrnl.exe/FC9570F01046000/ntoskrnl.exe"
    assert image_key("a.sys", 0xBEEF, 0xC1A0) == "a.sys/0000BEEFc1a0/a.sys"


def test_the_key_of_a_pdb() -> None:
    guid = "3844dbb9-2017-4967-be7a-a4a2c20430fa"
    key = "ntkrnlmp.pdb/3844DBB920174967BE7AA4A2C20430FA1f/ntkrnlmp.pdb"
    assert pdb_key("ntkrnlmp.pdb", guid, 0x1F) == key
    assert pdb_key("old.pdb", "3b7d8512", 0xA) == "old.pdb/3B7D8512a/old.pdb"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("nt.pdb", "nt.pdb"),
        (r"d:\a\_work\1\s\nt.pdb", "nt.pdb"),
        ("/build/out/nt.pdb", "nt.pdb"),
        (r"../..\nt.pdb", "nt.pdb"),
        (r"\\server\share\nt.pdb", "nt.pdb"),
        ("Grüße.pdb", "Grüße.pdb"),
        ("console.pdb", "console.pdb"),
        ("com10.dll", "com10.dll"),
        ("a..pdb", "a..pdb"),
    ],
)
def test_the_last_part_of_a_path(path: str, name: str) -> None:
    assert safe_file_name(path) == name


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "a/", "a\\", "a/..", "nt.pdb\0", "nt\n.pdb", "n\u202et.pdb", "\udc80.pdb", "c:nt.pdb", "nt:s"),
        *("nul", "NUL.pdb", "con.tar.gz", "Com1.dll", "lpt¹", "aux .pdb", "conin$", "nt.pdb.", "nt.pdb ", " nt.pdb"),
        *("a?b", "a*b", "a|b", 'a"b', "a<b", "ü" * 128),
    ],
)
def test_names_that_no_file_may_have(path: str) -> None:
    assert safe_file_name(path) is None
    assert safe_file_name(f"folder/{path}") is None


@given(st.text(max_size=40))
def test_a_safe_name_stays_in_its_folder(path: str) -> None:
    name = safe_file_name(path)
    if name is not None:
        assert path.endswith(name)
        assert Path("folder", name).parent == Path("folder")
        assert PureWindowsPath("folder", name).parent == PureWindowsPath("folder")
        assert safe_file_name(name) == name
