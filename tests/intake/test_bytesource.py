"""ByteSource: files as bytes, read or mapped, and given back."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from smalldump.api import analyze
from smalldump.errors import SourceUnreadable
from smalldump.intake.bytesource import ByteSource, open_file
from tests.intake.making import DUMP, MIB, dump

LARGE = 3 * MIB + 5


@pytest.mark.parametrize("size", [16, MIB, MIB + 1, LARGE])
def test_bytes_are_the_files(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.dmp"
    path.write_bytes(dump(7, size))
    with open_file(path) as source:
        assert (source.name, source.path, source.size) == (str(path), path, size)
        assert source.data.readonly
        assert source.data == dump(7, size)


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot be had there")
def test_a_backslash_or_foreign_byte_is_part_of_the_file_name(tmp_path: Path) -> None:
    for raw, shown in ((b"a\\b.dmp", "a\\b.dmp"), (b"non\xff\xfe.dmp", "non\\udcff\\udcfe.dmp")):
        path = tmp_path / os.fsdecode(raw)
        path.write_bytes(DUMP)
        with open_file(path) as source:
            assert source.file_name == shown
        assert analyze(path)["file.name"] == shown


def test_empty_file_has_no_bytes(tmp_path: Path) -> None:
    path = tmp_path / "empty.dmp"
    path.touch()
    with open_file(path) as source:
        assert source.size == 0
        assert bytes(source.data) == b""


@pytest.mark.parametrize("size", [64, LARGE])
def test_closing_gives_the_file_back(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.dmp"
    path.write_bytes(dump(0, size))
    source = open_file(path)
    source.close()
    source.close()
    path.unlink()
    with pytest.raises(ValueError, match="released"):
        source.data[0]


@pytest.mark.parametrize("size", [64, LARGE])
def test_views_of_others_outlive_closing(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.dmp"
    path.write_bytes(dump(3, size))
    with open_file(path) as source:
        part = source.data[:16]
        same = memoryview(source.data)
    assert part == dump(3, 16) == same[:16]


def test_closing_frees_a_mapping(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("the list of mappings is read from /proc")
    path = tmp_path / "mapped-here.dmp"
    path.write_bytes(dump(0, LARGE))
    source = open_file(path)
    view = source.data[:4]
    assert "mapped-here.dmp" in Path("/proc/self/maps").read_text()
    source.close()
    assert "mapped-here.dmp" in Path("/proc/self/maps").read_text()
    del view
    assert "mapped-here.dmp" not in Path("/proc/self/maps").read_text()


def test_descriptors_are_not_kept(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("descriptors are counted in /proc")
    path = tmp_path / "a.dmp"
    path.write_bytes(DUMP)
    before = len(os.listdir("/proc/self/fd"))
    kept = [open_file(path) for _ in range(20)]
    with pytest.raises(SourceUnreadable):
        open_file(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
    for source in kept:
        source.close()


def test_a_read_file_that_shrinks_keeps_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.dmp"
    path.write_bytes(dump(0, MIB))
    with open_file(path) as source:
        path.write_bytes(b"")
        assert source.data[MIB - 1] == 0x47


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="no such file or folder") as caught:
        open_file(tmp_path / "none.dmp")
    assert caught.value.path == str(tmp_path / "none.dmp")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes in the file system here")
def test_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.dmp")
    with pytest.raises(SourceUnreadable, match="a pipe, not a file"):
        open_file(tmp_path / "pipe.dmp")


@pytest.mark.skipif(sys.platform == "win32", reason="devices are no files there")
def test_folder_device_and_socket_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        for path, kind in ((tmp_path, "a folder"), (Path("/dev/zero"), "a device"), (Path("socket"), "a socket")):
            with pytest.raises(SourceUnreadable, match=kind):
                open_file(path)


def test_path_that_no_system_accepts() -> None:
    with pytest.raises(SourceUnreadable, match="null"):
        open_file(Path("a\0b.dmp"))


def test_bytes_in_memory() -> None:
    with ByteSource("<stdin>", None, DUMP) as source:
        assert source.data == DUMP
        assert repr(source) == "<ByteSource '<stdin>', 0x1000 bytes>"
