"""expand and open_origin: what a user names becomes dumps, and a bad one stops nothing."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from smalldump.errors import SourceUnreadable
from smalldump.intake import Limits, Origin, expand, open_origin, open_single
from tests.intake.making import DUMP, dump, names, outcomes, tar_bytes, unpacked, zip_bytes

_NOBODY = 65534


def test_file_is_taken_whatever_it_is_called_and_holds(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"not a dump")
    assert list(expand([path, str(path)])) == [Origin(path), Origin(path)]
    assert unpacked(path) == [b"not a dump"]


def test_nothing_is_touched_before_its_turn(tmp_path: Path) -> None:
    (tmp_path / "a.dmp").write_bytes(DUMP)
    origins = expand([tmp_path / "a.dmp", tmp_path / "b.dmp"])
    assert next(origins).error is None
    (tmp_path / "b.dmp").write_bytes(DUMP)
    assert next(origins).error is None


def test_bad_paths_stop_nothing(tmp_path: Path) -> None:
    good = tmp_path / "good.dmp"
    good.write_bytes(DUMP)
    origins = list(expand([tmp_path / "none.dmp", good, "a\0b", good]))
    assert [origin.error is None for origin in origins] == [False, True, False, True]
    with pytest.raises(SourceUnreadable, match="no such file or folder"):
        open_origin(origins[0])


def test_folder_holds_dumps_by_name_or_first_bytes_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "Minidump"
    (folder / "b").mkdir(parents=True)
    (folder / "c.DMP").write_bytes(dump(3))
    (folder / "a.dmp").write_bytes(dump(1))
    (folder / "b" / "x.MDMP").write_bytes(dump(2))
    (folder / "d.bin").write_bytes(dump(4))
    (folder / "e.txt").write_bytes(b"text")
    (folder / "f.dat").write_bytes(zip_bytes([("in.dmp", dump(5))]))
    (folder / "g.zip").write_bytes(zip_bytes([("readme.txt", b"no dump here")]))
    assert unpacked(folder) == [dump(n) for n in (1, 2, 3, 4, 5)]
    assert names(folder)[-1] == "Minidump/f.dat!in.dmp"


def test_folder_without_dumps_says_so(tmp_path: Path) -> None:
    (tmp_path / "e.txt").write_bytes(b"text")
    assert outcomes(tmp_path) == [(str(tmp_path), "no dump in this folder")]


def test_broken_files_in_a_folder_are_reported_where_their_names_promise_something(tmp_path: Path) -> None:
    for name in ("a.dmp", "b.zip", "c.txt"):
        try:
            (tmp_path / name).symlink_to(tmp_path / "gone")
        except OSError:
            pytest.skip("no right to make links here")
    (tmp_path / "d.dmp").write_bytes(DUMP)
    assert unpacked(tmp_path) == ["no such file or folder", "no such file or folder", DUMP]


def test_links_to_folders_and_loops_end(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    (below / "a.dmp").write_bytes(DUMP)
    try:
        (below / "up").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "self.dmp").symlink_to(tmp_path / "self.dmp")
    except OSError:
        pytest.skip("no right to make links here")
    (tmp_path / "link").symlink_to(below, target_is_directory=True)
    first, second = unpacked(tmp_path)
    assert first == DUMP
    assert "symbolic links" in str(second)
    assert unpacked(tmp_path / "link") == [DUMP]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes in the file system here")
def test_pipes_in_a_folder_do_not_hang_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.dmp")
    os.mkfifo(tmp_path / "quiet")
    (tmp_path / "b.dmp").write_bytes(DUMP)
    first, second = unpacked(tmp_path)
    assert "a pipe" in str(first)
    assert second == DUMP


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder of somebody whom file modes stop: who runs the tests, or, where that is root, nobody."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() != 0:
            yield Path(name)
            return
        os.chown(name, _NOBODY, -1)
        os.seteuid(_NOBODY)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_refused_folder_and_file_are_reported(ordinary_user: Path) -> None:
    (ordinary_user / "closed").mkdir(mode=0o000)
    (ordinary_user / "closed.dmp").touch(mode=0o000)
    (ordinary_user / "open.dmp").write_bytes(DUMP)
    assert unpacked(ordinary_user) == ["access is denied", "access is denied", DUMP]


def test_deep_folders(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(200):
        folder /= "d"
    folder.mkdir(parents=True)
    (folder / "a.dmp").write_bytes(DUMP)
    assert unpacked(tmp_path) == [DUMP]


def test_origins_open_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "a.dmp").write_bytes(dump(1))
    (tmp_path / "b.zip").write_bytes(zip_bytes([("b.dmp", dump(2))]))
    sent = pickle.loads(pickle.dumps([*expand([tmp_path, tmp_path / "none"])]))
    assert [origin.data is None for origin in sent] == [True, False, True]
    with open_origin(sent[0]) as first, open_origin(sent[1]) as second:
        assert [bytes(first.data), bytes(second.data)] == [dump(1), dump(2)]
    with pytest.raises(SourceUnreadable, match="no such file"):
        open_origin(sent[2])


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "zip in zip"])
def test_origins_without_their_bytes_are_read_again(tmp_path: Path, kind: str) -> None:
    members = [("a.dmp", dump(1)), ("a.dmp", dump(2)), ("b.dmp", dump(3))]
    made = {
        "zip": zip_bytes(members[1:]),
        "tar": tar_bytes(members),
        "tar.gz": gzip.compress(tar_bytes(members)),
        "zip in zip": zip_bytes([("in.zip", zip_bytes(members[1:])), ("in2.zip", zip_bytes(members[1:]))]),
    }
    path = tmp_path / "archive"
    path.write_bytes(made[kind])
    origins = list(expand([path]))
    assert len(origins) >= 2
    for origin in origins:
        assert isinstance(origin.data, bytes)
        with open_origin(replace(origin, data=None)) as again:
            assert again.data == origin.data
            assert again.name == origin.name
    path.write_bytes(zip_bytes([("other.dmp", DUMP)]))
    with pytest.raises(SourceUnreadable, match="no longer in the archive"):
        open_origin(replace(origins[1], data=None))


def test_member_named_as_it_is_shown(tmp_path: Path) -> None:
    inner = zip_bytes([("x.dmp", dump(1)), ("y.dmp", dump(2))])
    path = tmp_path / "a!b.zip"
    path.write_bytes(zip_bytes([("in.zip", inner), ("f/z.dmp", dump(3)), ("\x1b.dmp", dump(4))]))
    for origin in expand([path]):
        assert [found.data for found in expand([origin.name])] == [origin.data]
    assert unpacked(tmp_path / "a!b.zip!in.zip!n.dmp") == ["no such dump in the archive"]
    compressed = tmp_path / "x.dmp.gz"
    compressed.write_bytes(gzip.compress(DUMP))
    assert unpacked(tmp_path / "x.dmp.gz!x.dmp") == [DUMP]
    assert unpacked(tmp_path / "x.dmp.gz!y.dmp") == ["no such dump in the archive"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def given(data: bytes) -> list[Origin]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return list(expand(["-"], limits=Limits(member_bytes=1 << 16)))

    [plain] = given(DUMP)
    assert (plain.name, plain.path, plain.data) == ("<stdin>", None, DUMP)
    assert plain.file_name == "<stdin>"
    with pytest.raises(SourceUnreadable, match="standard input cannot be read again"):
        open_origin(replace(plain, data=None))
    [first, second] = given(zip_bytes([("a.dmp", dump(1)), ("b.dmp", dump(2))]))
    assert (first.name, second.data) == ("<stdin>!a.dmp", dump(2))
    [in_gz] = given(gzip.compress(tar_bytes([("a.dmp", dump(1))])))
    assert (in_gz.name, in_gz.data) == ("<stdin>!a.dmp", dump(1))
    [nameless] = given(gzip.compress(DUMP))
    assert (nameless.name, nameless.file_name, nameless.data) == ("<stdin>!unpacked", "unpacked", DUMP)
    [large] = given(bytes(1 << 17))
    assert "larger than 64 KiB" in str(large.error)
    [barren] = given(zip_bytes([("a.txt", b"")]))
    assert "no dump in this archive" in str(barren.error)


def test_file_names_have_no_folders(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zip_bytes([("C:/dumps/b.dmp", DUMP), ("dumps\\c.dmp", DUMP), ("d\x1b.dmp", DUMP)]))
    names_of = [(origin.file_name, open_origin(origin).file_name) for origin in expand([path])]
    assert names_of == [("b.dmp",) * 2, ("c.dmp",) * 2, ("d\\x1b.dmp",) * 2]


def test_open_single(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zip_bytes([("a.dmp", dump(1))]))
    with open_single(path) as source:
        assert source.data == dump(1)
    path.write_bytes(zip_bytes([("a.dmp", dump(1)), ("b.dmp", dump(2))]))
    with pytest.raises(SourceUnreadable, match=r"more than one dump; name one, for example .*a\.zip!a\.dmp"):
        open_single(path)
    with pytest.raises(SourceUnreadable, match="no such file"):
        open_single(tmp_path / "none")


def test_importing_the_room_imports_no_archive_library() -> None:
    program = "import sys, smalldump.intake; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "smalldump.intake.zips" in loaded
    assert loaded.isdisjoint({"zipfile", "tarfile", "gzip", "bz2", "lzma", "zlib", "ctypes", "libarchive"})


def test_real_dumps_in_an_archive_come_out_as_they_went_in(samples: Path, tmp_path: Path) -> None:
    chosen = sorted((samples / "dumps").glob("*.dmp"))[:5]
    assert chosen
    path = tmp_path / "real.tar.gz"
    path.write_bytes(gzip.compress(tar_bytes((file.name, file.read_bytes()) for file in chosen), 1))
    assert unpacked(path) == [file.read_bytes() for file in chosen]
