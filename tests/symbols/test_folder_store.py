"""Stores in folders: their shapes, names in any case, compressed files, pointers."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.symbols.attempts import Attempt, Found, Outcome
from smalldump.symbols.folder_store import FolderStore
from smalldump.symbols.http import same_server
from smalldump.symbols.path import Element
from smalldump.symbols.pointer import local_target, parse_pointer, remote_target
from smalldump.symbols.sources import SymbolSources
from smalldump.symbols.wanted import WantedImage, WantedPdb
from tests.symbols.cabinets import cabinet, mszip_blocks
from tests.symbols.files import GUID, image, pdb, pdb_index

WANTED = WantedPdb("A.pdb", GUID, 1)


def put(folder: Path, path: str, data: bytes) -> Path:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


def look(folder: Path, wanted: WantedPdb | WantedImage = WANTED, *, plain: bool = False) -> Found:
    return FolderStore(folder, plain=plain, limit=1 << 20).find(wanted, folder.parent / "unpacked")


@pytest.mark.parametrize("path", [f"A.pdb/{pdb_index()}/A.pdb", f"a.PDB/{pdb_index().lower()}/a.pdb"])
def test_two_tiers_in_any_case(path: str, tmp_path: Path) -> None:
    place = put(tmp_path / "store", path, pdb())
    found = look(tmp_path / "store")
    assert found == Found(place, (Attempt(str(tmp_path / "store"), f"A.pdb/{pdb_index()}/A.pdb", Outcome.FOUND),))


def test_three_tiers(tmp_path: Path) -> None:
    place = put(tmp_path / "store", f"a./a.pdb/{pdb_index()}/a.pdb", pdb())
    assert look(tmp_path / "store").path is None
    put(tmp_path / "store", "index2.txt", b"")
    assert look(tmp_path / "store").path == place


@pytest.mark.parametrize("path", ["a.sys", "symbols/sys/a.sys", "sys/a.sys"])
def test_plain_folders(path: str, tmp_path: Path) -> None:
    place = put(tmp_path / "folder", path, image())
    wanted = WantedImage("a.sys", 0x5F3A0001, 0x3000)
    assert look(tmp_path / "folder", wanted).path is None
    assert look(tmp_path / "folder", wanted, plain=True).path == place
    other = look(tmp_path / "folder", WantedImage("a.sys", 7, 0x3000), plain=True)
    assert other.attempts[0].detail == "another build: timestamp 5F3A0001, size 3000"


def test_compressed_files_are_unpacked_elsewhere(tmp_path: Path) -> None:
    data = pdb(noise=b"noise" * 9000)
    put(tmp_path / "store", f"a.pdb/{pdb_index()}/a.pd_", cabinet(len(data), mszip_blocks(data), 1))
    found = look(tmp_path / "store")
    assert found.path == tmp_path / "unpacked" / "A.pdb" / pdb_index() / "A.pdb"
    assert found.path.read_bytes() == data
    put(tmp_path / "store", f"a.pdb/{pdb_index()}/a.pd_", b"MSCF nonsense")
    (tmp_path / "unpacked" / "A.pdb" / pdb_index() / "A.pdb").unlink()
    assert look(tmp_path / "store").attempts[0].outcome is Outcome.MALFORMED
    assert [path for path in (tmp_path / "unpacked").rglob("*") if path.is_file()] == []


def test_pointers_of_folders(tmp_path: Path) -> None:
    pointer = f"a.pdb/{pdb_index()}/file.ptr"
    place = put(tmp_path, "built/a.pdb", pdb())
    for text in (f"PATH:{place}", f"{place}\r\n", f"path: {place}"):
        put(tmp_path / "store", pointer, text.encode())
        assert look(tmp_path / "store").path == place
    told = {
        "MSG: ask Pat": (Outcome.ABSENT, "ask Pat"),
        f"PATH:{tmp_path}/none": (Outcome.ABSENT, f"the pointer leads to no file: {tmp_path}/none"),
        "PATH:../built/a.pdb": (Outcome.REFUSED, "the pointer's path is not absolute"),
        r"PATH:\\host\share\a.pdb": (Outcome.REFUSED, "the pointer leads to another file server"),
        "PATH:https://example.org/a.pdb": (Outcome.REFUSED, "the pointer leads to a URL"),
        "": (Outcome.ABSENT, "the pointer holds no path"),
    }
    for text, outcome in told.items():
        put(tmp_path / "store", pointer, text.encode())
        attempt = look(tmp_path / "store").attempts[0]
        assert (attempt.outcome, attempt.detail) == outcome


def test_a_share_may_point_to_its_own_server() -> None:
    store = Path(r"\\HOST\symbols")
    assert isinstance(local_target(r"\\host\builds\a.pdb", store), Path)
    assert local_target(r"\\other\builds\a.pdb", store) == "the pointer leads to another file server"


@given(st.text(max_size=60))
def test_no_pointer_of_a_server_leads_away(text: str) -> None:
    base = "https://symbols.example:8443/x"
    for target in (text, f"//{text}", f"https://{text}", f"https://symbols.example:8443{text}"):
        pointer = parse_pointer(b"PATH:" + target.encode("utf-8", "surrogatepass"))
        url = remote_target(pointer.target, base)
        assert url is None or same_server(url, base)
        assert url is None or urlsplit(url).netloc == "symbols.example:8443"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "store", f"A.pdb/{pdb_index()}/A.pdb", pdb()).chmod(0)
    assert look(tmp_path / "store").attempts[0].outcome is Outcome.REFUSED


def test_what_a_later_store_has_is_kept_in_those_before(tmp_path: Path) -> None:
    place = put(tmp_path / "far", f"A.pdb/{pdb_index()}/A.pdb", pdb())
    near, middle = tmp_path / "near", tmp_path / "middle"
    with SymbolSources([Element((str(near), str(middle), str(tmp_path / "far")))]) as sources:
        found = sources.find_pdb("A.pdb", GUID.upper(), 1)
    assert found.path == near / "A.pdb" / pdb_index() / "A.pdb"
    assert found.path.read_bytes() == place.read_bytes() == (middle / "A.pdb" / pdb_index() / "A.pdb").read_bytes()
    assert [attempt.outcome for attempt in found.attempts] == [Outcome.ABSENT, Outcome.ABSENT, Outcome.FOUND]


def test_pdbs_whose_information_was_rewritten(tmp_path: Path) -> None:
    """The image names the age of the DBI stream; source indexing and the like count the information stream's up."""
    put(tmp_path, "A.pdb", pdb(age=1, information_age=4))
    assert look(tmp_path, plain=True).path is not None
    assert look(tmp_path, WantedPdb("A.pdb", GUID, 3), plain=True).path is None


def test_hostile_pdbs_end_in_words(tmp_path: Path) -> None:
    whole = pdb()
    for at in range(32, 56):
        for value in (0, 0x7F, 0xFF):
            put(tmp_path, "A.pdb", whole[:at] + bytes([value]) + whole[at + 1 :])
            look(tmp_path, plain=True)
    directory = len(whole) - 2 * 0x1000
    for at in range(directory, directory + 44):
        put(tmp_path, "A.pdb", whole[:at] + b"\xff" + whole[at + 1 :])
        look(tmp_path, plain=True)


def test_folders_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "none", tmp_path / "file", tmp_path / ("x" * 300), tmp_path / "file" / "in"):
        assert look(folder, plain=True).attempts[0].outcome is Outcome.ABSENT


def test_nothing_configured_asks_nobody() -> None:
    with SymbolSources() as sources:
        assert not sources
        assert sources.find_image("a.sys", 1, 1) == Found(None, ())
