"""A save: all bytes under a new name, or nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from smalldump.errors import StoreError
from smalldump.minidumps import Exclusive, MinidumpDirectory
from smalldump.minidumps.saving import is_temporary, save_new
from tests.minidumps.disks import Failing, Watched, contents
from tests.synth import win2000_dump, x64_dump

EARLIER, DUMP = win2000_dump().bytes, x64_dump().bytes
REFUSALS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT)


def save(folder: Path, disk: Watched) -> Exclusive:
    """Save DUMP beside an earlier file."""
    return MinidumpDirectory(folder, disk).save(DUMP, uptime_ms=8765).how


def calls_of_a_save(folder: Path) -> list[str]:
    disk = Watched()
    save(folder, disk)
    return disk.calls


def test_the_order_of_a_save(tmp_path: Path) -> None:
    disk = Watched()
    assert save(tmp_path, disk) is Exclusive.LINK
    assert disk.calls == ["create", "write_some", "flush", "close", "link", "remove", "flush_directory"]
    assert contents(tmp_path) == {"112226-8765-01.dmp": DUMP}
    assert os.stat(tmp_path / "112226-8765-01.dmp").st_mode & 0o777 == 0o600


@pytest.mark.parametrize("error", REFUSALS, ids=errno.errorcode.get)
def test_a_refusal_at_any_call_leaves_nothing_half_done(error: int, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    calls = calls_of_a_save(tmp_path / "model")
    for step, name in enumerate(calls):
        folder = tmp_path / f"{step}"
        folder.mkdir()
        (folder / "Mini022900-01.dmp").write_bytes(EARLIER)
        disk = Failing(error, lambda number, _, step=step: number == step)  # type: ignore[misc]
        expected = {"Mini022900-01.dmp": EARLIER}
        if name in ("remove", "link"):  # a temporary that stays; a link that gives way to a rename, perhaps
            with suppress(StoreError):
                save(folder, disk)
                expected["112226-8765-01.dmp"] = DUMP
            assert name == "link" or len(expected) == 2
        else:
            with pytest.raises(StoreError, match=f"{step}: cannot save here: {os.strerror(error)}"):
                save(folder, disk)
        found = contents(folder)
        assert {name: data for name, data in found.items() if not is_temporary(name)} == expected
        assert len(found) == len(expected) + (name == "remove")


@pytest.mark.parametrize(
    ("missing", "how"),
    [
        ((), Exclusive.LINK),
        (("link",), Exclusive.RENAME),
        (("link", "rename_refusing"), Exclusive.CLAIM),
    ],
)
def test_every_way_to_a_name_refuses_names_that_are_taken(
    missing: tuple[str, ...], how: Exclusive, tmp_path: Path
) -> None:
    taken = {f"112226-8765-{number:02}.dmp": f"file {number}".encode() for number in (1, 2, 3)}
    for name, data in taken.items():
        (tmp_path / name).write_bytes(data)
    disk = Failing(errno.EPERM, lambda _, name: name in missing)
    names = (f"112226-8765-{number:02}.dmp" for number in count(1))
    new = save_new(tmp_path, names, lambda descriptor: disk.write(descriptor, DUMP), disk)
    assert (new.path.name, new.how, new.directory_flushed) == ("112226-8765-04.dmp", how, True)
    assert new.how.words
    assert contents(tmp_path) == taken | {"112226-8765-04.dmp": DUMP}


def test_a_claim_is_given_back_when_the_rename_fails(tmp_path: Path) -> None:
    for missing, error in ((("link", "rename_refusing", "rename"), errno.EPERM), (("link", "rename"), errno.EIO)):
        disk = Failing(error, lambda _, name, missing=missing: name in missing)  # type: ignore[misc]
        with pytest.raises(StoreError):
            MinidumpDirectory(tmp_path, disk).save(DUMP)
        assert contents(tmp_path) == {}


def test_names_may_run_out(tmp_path: Path) -> None:
    (tmp_path / "only").write_bytes(b"")
    with pytest.raises(FileExistsError):
        save_new(tmp_path, iter(["only"]), lambda descriptor: None, Watched())
    assert contents(tmp_path) == {"only": b""}


def test_writes_that_come_in_pieces(tmp_path: Path) -> None:
    class Slow(Watched):
        def write_some(self, descriptor: int, data: bytes | bytearray | memoryview) -> int:
            return super().write_some(descriptor, memoryview(data)[:1000])

    disk = Slow()
    save(tmp_path, disk)
    assert contents(tmp_path) == {"112226-8765-01.dmp": DUMP}


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(number: int, name: str) -> None:
        if name == "flush":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, Watched(before=interrupt))
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("prepare", [lambda path: None, lambda path: path.write_bytes(b"")], ids=["missing", "a file"])
def test_without_a_directory(prepare: Callable[[Path], None], tmp_path: Path) -> None:
    prepare(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="nowhere: cannot save here"):
        MinidumpDirectory(tmp_path / "nowhere").save(DUMP)
