"""Keeping files: whole or not at all, and no folder is left for nothing."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from smalldump.symbols.keeping import draft, keep_copy
from smalldump.symbols.wanted import WantedImage

WANTED = WantedImage("a.sys", 1, 0x1000)


def test_nothing_is_seen_before_it_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b" / "c.pdb"
    with draft(place) as made:
        made.file.write(b"half")
        assert not place.exists()
        made.file.write(b" and half")
        assert made.keep() == place
    assert place.read_bytes() == b"half and half"
    assert os.listdir(place.parent) == ["c.pdb"]


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with draft(tmp_path / "a" / "b" / "c.pdb") as made:
            made.file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert os.listdir(tmp_path) == []


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "c.pdb"
    place.write_bytes(b"old")
    with draft(place):
        pass
    assert place.read_bytes() == b"old"
    with draft(place) as made:
        made.file.write(b"new")
        made.keep()
    assert place.read_bytes() == b"new"


def test_drafts_in_folders_that_others_clear_away(tmp_path: Path) -> None:
    wrong = list[BaseException]()

    def work(number: int) -> None:
        try:
            for _ in range(60):
                with draft(tmp_path / "a" / "b" / f"{number % 2}" / "c.pdb") as made:
                    made.file.write(b"x")
        except OSError as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_copies_go_where_they_can(tmp_path: Path) -> None:
    source, blocked = tmp_path / "source", tmp_path / "blocked"
    source.write_bytes(b"image")
    blocked.write_bytes(b"")
    assert keep_copy(source, WANTED, [blocked]) == source
    near = tmp_path / "near" / "a.sys" / "000000011000" / "a.sys"
    assert keep_copy(source, WANTED, [tmp_path / "near", blocked]) == near
    assert near.read_bytes() == b"image"
