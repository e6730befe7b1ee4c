"""Folders with images: found wherever they lie, and only by what their headers say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smalldump.images.folders import FolderMatch, ImageFolders, image_path_folders
from tests.symbols.files import image

STAMP, SIZE = 0x5F3A0001, 0x3000


def put(folder: Path, path: str, data: bytes) -> Path:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


@pytest.mark.parametrize(
    "path",
    [
        "a.sys",
        "drivers/a.sys",
        "Windows/System32/drivers/A.SYS",
        "Windows/System32/DriverStore/FileRepository/a.inf_amd64_1/a.sys",
        "a.sys/5F3A00013000/a.sys",
        "mnt/disk/deep/er/A.sys",
    ],
)
def test_wherever_it_lies(path: str, tmp_path: Path) -> None:
    place = put(tmp_path, path, image(STAMP, SIZE))
    assert ImageFolders([tmp_path]).find(r"\SystemRoot\a.sys", STAMP, SIZE).path == place


def test_names_alone_prove_nothing(tmp_path: Path) -> None:
    other = put(tmp_path, "a.sys", image(STAMP + 1, SIZE))
    text = put(tmp_path, "x/a.sys", b"no image")
    right = put(tmp_path, "y/a.sys", image(STAMP, SIZE))
    folders = ImageFolders([tmp_path])
    found = folders.find("a.sys", STAMP, SIZE)
    assert found.path == right
    assert dict(found.others)[other] == "another build: timestamp 5F3A0002, size 3000"
    assert text not in dict(found.others) or dict(found.others)[text].startswith("not an image: ")
    assert folders.find("a.sys", STAMP, SIZE + 0x1000).path is None
    assert len(folders.find("a.sys", 1, SIZE).others) == 3


def test_the_kernel_under_its_other_names(tmp_path: Path) -> None:
    place = put(tmp_path, "x/ntkrnlmp.exe", image(STAMP, SIZE))
    assert ImageFolders([tmp_path]).find("ntoskrnl.exe", STAMP, SIZE).path == place
    assert ImageFolders([tmp_path]).find("ntkrnlpa.exe", STAMP, SIZE).path == place
    assert ImageFolders([tmp_path]).find("hal.dll", STAMP, SIZE).path is None


def test_drivers_that_are_loaded_a_second_time_for_the_dump(tmp_path: Path) -> None:
    place = put(tmp_path, "System32/drivers/stornvme.sys", image(STAMP, SIZE))
    assert ImageFolders([tmp_path]).find("dump_stornvme.sys", STAMP, SIZE).path == place


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_links_in_circles(tmp_path: Path) -> None:
    place = put(tmp_path, "real/in/a.sys", image(STAMP, SIZE))
    (tmp_path / "real" / "in" / "up").symlink_to(tmp_path)
    (tmp_path / "real" / "self.sys").symlink_to("self.sys")
    assert ImageFolders([tmp_path, tmp_path]).find("a.sys", STAMP, SIZE).path == place


def test_names_that_are_none(tmp_path: Path) -> None:
    put(tmp_path, "a.sys", image(STAMP, SIZE))
    for name in ("", "..", "a.sys/..", "nul", "a\0.sys"):
        assert ImageFolders([tmp_path / "x"]).find(name, STAMP, SIZE) == FolderMatch(None, ())
    assert ImageFolders([tmp_path / "missing"]).find("a.sys", STAMP, SIZE) == FolderMatch(None, ())


def test_a_walk_happens_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "x/y/a.sys", image(STAMP, SIZE))
    folders = ImageFolders([tmp_path])
    assert folders.find("a.sys", STAMP, SIZE).path
    monkeypatch.setattr(os, "scandir", None)
    assert folders.find("a.sys", STAMP, SIZE).path


def test_the_image_path() -> None:
    assert image_path_folders(r'c:\a; "d:\b c" ;;srv*c:\s*https://x;https://y') == (r"c:\a", r"d:\b c")
