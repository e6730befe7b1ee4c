"""7z, rar and cab through libarchive, and what is said where it is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smalldump.intake import expand, open_origin
from tests.intake.making import DUMP, MIB, cab_bytes, dump, names, rar4_bytes, rar5_bytes, unpacked, zip_bytes

SEVEN_ZIP_MARK = b"7z\xbc\xaf\x27\x1c"


@pytest.fixture
def libarchive() -> Any:
    """The library, or a skip where it or its Python package is missing."""
    try:
        import libarchive
    except (ImportError, OSError, AttributeError, TypeError) as error:
        pytest.skip(f"libarchive is not installed: {error}")
    return libarchive


@pytest.fixture
def seven_zip(libarchive: Any, tmp_path: Path) -> Path:
    """A 7z archive with two dumps, a text, and a zip with a third dump."""
    path = tmp_path / "a.7z"
    members = [
        ("a.dmp", dump(1)),
        ("notes.txt", b"text"),
        ("in.zip", zip_bytes([("c.dmp", dump(3))])),
        ("../b.dmp", dump(2, 200_000)),
    ]
    with libarchive.file_writer(str(path), "7zip") as archive:
        for name, data in members:
            archive.add_file_from_memory(name, len(data), data)
    return path


@pytest.fixture
def hidden_libarchive(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """As if libarchive had never been imported; the test says what importing it does."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "libarchive"]:
        monkeypatch.delitem(sys.modules, name)
    return iter([monkeypatch])


def test_seven_zip(seven_zip: Path) -> None:
    assert unpacked(seven_zip) == [dump(1), dump(3), dump(2, 200_000)]
    assert names(seven_zip) == ["a.7z!a.dmp", "a.7z!in.zip!c.dmp", "a.7z!../b.dmp"]


def test_seven_zip_in_a_zip(seven_zip: Path, tmp_path: Path) -> None:
    path = tmp_path / "outer.zip"
    path.write_bytes(zip_bytes([("a.7z", seven_zip.read_bytes())]))
    assert unpacked(path) == unpacked(seven_zip)


def test_members_without_their_bytes_are_read_again(seven_zip: Path) -> None:
    for origin in expand([seven_zip]):
        with open_origin(replace(origin, data=None)) as again:
            assert bytes(again.data) == origin.data


def test_limits_hold(libarchive: Any, tmp_path: Path) -> None:
    path = tmp_path / "bomb.7z"
    with libarchive.file_writer(str(path), "7zip") as archive:
        for name in ("a.dmp", "b.dmp", "c.dmp"):
            archive.add_file_from_memory(name, 5 * MIB, dump(1, 5 * MIB))
    assert unpacked(path, member_bytes=4 * MIB) == ["larger than 4 MiB unpacked (limit)"] * 3
    first, second = unpacked(path, total_bytes=8 * MIB)
    assert first == dump(1, 5 * MIB)
    assert "more than 8 MiB" in str(second)


def test_cut_and_mutated_archives_end_as_errors_or_dumps(seven_zip: Path, tmp_path: Path) -> None:
    whole = seven_zip.read_bytes()
    broken = tmp_path / "broken.7z"
    for end in range(8, len(whole), max(1, len(whole) // 40)):
        broken.write_bytes(whole[:end])
        assert isinstance(unpacked(broken)[-1], str)
    dumps = unpacked(seven_zip)
    for place in range(8, len(whole), max(1, len(whole) // 200)):
        data = bytearray(whole)
        data[place] ^= 0x55
        broken.write_bytes(data)
        for outcome in unpacked(broken):
            assert outcome in dumps or (isinstance(outcome, str) and "archive_p" not in outcome)


def test_wrong_checksum_is_an_error_and_the_rest_follows(
    libarchive: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.7z"
    with libarchive.file_writer(str(path), "7zip", options="compression=store") as archive:
        for mark in (1, 2):
            archive.add_file_from_memory(f"{mark}.dmp", 4096, dump(mark))
    data = bytearray(path.read_bytes())
    data[data.index(dump(1)) + 100] ^= 1
    path.write_bytes(data)
    first, second = unpacked(path)
    assert str(first).startswith("damaged: 7-Zip bad CRC")
    assert second == dump(2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("make", [cab_bytes, rar4_bytes, rar5_bytes])
def test_cab_and_rar(libarchive: Any, tmp_path: Path, make: Callable[[str, bytes], bytes]) -> None:
    path = tmp_path / "archive"
    path.write_bytes(make("in\\a.dmp" if make is cab_bytes else "in/a.dmp", DUMP))
    assert unpacked(path) == [DUMP]
    assert names(path) == ["archive!in/a.dmp"]


@pytest.mark.parametrize("start", [b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00", b"MSCF\0\0\0\0"])
def test_broken_rar_and_cab(libarchive: Any, tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "a.dmp"
    path.write_bytes(start + bytes(100))
    [outcome] = unpacked(path)
    assert isinstance(outcome, str)
    assert "libarchive" not in outcome
    assert "archive_p" not in outcome


def test_missing_python_package_is_named(tmp_path: Path, hidden_libarchive: Iterator[pytest.MonkeyPatch]) -> None:
    next(hidden_libarchive).setitem(sys.modules, "libarchive", None)
    (tmp_path / "a.7z").write_bytes(SEVEN_ZIP_MARK + bytes(100))
    (tmp_path / "b.dmp").write_bytes(DUMP)
    error, after = unpacked(tmp_path)
    assert "pip install libarchive-c" in str(error)
    assert after == DUMP


def test_missing_library_is_named(
    libarchive: Any, tmp_path: Path, hidden_libarchive: Iterator[pytest.MonkeyPatch]
) -> None:
    next(hidden_libarchive).setenv("LIBARCHIVE", str(tmp_path / "none.so"))
    (tmp_path / "a.7z").write_bytes(SEVEN_ZIP_MARK + bytes(100))
    [error] = unpacked(tmp_path / "a.7z")
    assert "needs the system's libarchive" in str(error)


def test_library_that_is_nowhere_is_named(
    libarchive: Any, tmp_path: Path, hidden_libarchive: Iterator[pytest.MonkeyPatch]
) -> None:
    monkeypatch = next(hidden_libarchive)
    monkeypatch.delenv("LIBARCHIVE", raising=False)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    (tmp_path / "a.7z").write_bytes(SEVEN_ZIP_MARK + bytes(100))
    [error] = unpacked(tmp_path / "a.7z")
    assert "needs the system's libarchive" in str(error)
