"""Who else could write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from smalldump.capture.exposure import exposed


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, where nobody else can write."""
    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


def _file(folder: Path, mode: int) -> Path:
    path = folder / "socket"
    path.touch()
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o400])
def test_what_only_its_owner_writes(open_folder: Path, mode: int) -> None:
    assert exposed(_file(open_folder, mode)) is None


def test_what_everybody_writes(open_folder: Path) -> None:
    assert exposed(_file(open_folder, 0o666)) == "others can write to it (-rw-rw-rw-)"


def test_a_group_counts_but_not_that_of_root(open_folder: Path) -> None:
    path = _file(open_folder, 0o660)
    if path.stat().st_gid != 0:
        assert exposed(path) is not None
        return
    assert exposed(path) is None
    os.chown(path, 0, 12345)
    assert exposed(path) == "others can write to it (-rw-rw----)"


def test_a_closed_folder_protects(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(0o700)
    assert exposed(_file(closed, 0o777)) is None


def test_a_folder_in_which_others_can_replace_it(open_folder: Path) -> None:
    loose = open_folder / "loose"
    loose.mkdir()
    loose.chmod(0o777)
    assert exposed(_file(loose, 0o600)) == f"others can write to the folder {loose} (drwxrwxrwx)"
    loose.chmod(0o1777)
    assert exposed(loose / "socket") is None


def test_a_strangers_file_where_everybody_can_put_one(open_folder: Path) -> None:
    if os.getuid():
        pytest.skip("only root gives files away")
    shared = open_folder / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    path = _file(shared, 0o600)
    os.chown(path, 12345, 12345)
    assert exposed(path) == f"everybody can put files into {shared}, and what is there belongs to another user (12345)"
    assert exposed(path, 12345) is None


def test_a_link_is_followed(open_folder: Path) -> None:
    link = open_folder / "link"
    link.symlink_to(_file(open_folder, 0o666))
    assert exposed(link) is not None


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        exposed(tmp_path / "none")
