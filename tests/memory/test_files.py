from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smalldump.errors import SourceUnreadable
from smalldump.memory import FileMapping, FileSpace, MappedFile, OpenedFile


def opened(path: Path) -> OpenedFile:
    return OpenedFile(os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)), path.stat().st_size, path.name)


def mapping_of(path: Path) -> FileMapping:
    with path.open("rb") as file:
        return FileMapping(file.fileno(), path.stat().st_size, path.name)


@pytest.fixture(params=["bytes", "mapped", "opened"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileSpace]:
    path = tmp_path / "memory"
    path.write_bytes(bytes(range(100)))
    space, mapping = opened(path), mapping_of(path)
    kinds = {"bytes": MappedFile(path.read_bytes()), "mapped": MappedFile(memoryview(mapping)), "opened": space}
    yield kinds[request.param]
    space.close()


def test_bytes_lie_at_their_offsets(file: FileSpace) -> None:
    assert file.size == 100
    assert file.read(10, 5) == bytes(range(10, 15))
    assert file.read_some(95, 10) == bytes(range(95, 100))
    assert file.read_some(100, 1) == b""
    assert file.read_some(-1, 5) == b""
    assert file.read_some(1 << 70, 5) == b""
    assert file.read_some(3, -1) == b""
    assert 99 in file
    assert 100 not in file
    assert file.next_readable(3, 200) == 3
    assert file.next_readable(100, 200) is None
    assert list(file.data_ranges(90, 300)) == [(90, 100)]
    assert list(file.data_ranges(100, 300)) == []


def test_holes_are_left_out_where_the_system_knows_them(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as out:
        out.truncate(64 << 20)
        out.seek(32 << 20)
        out.write(b"here")
    space = opened(path)
    ranges = list(space.data_ranges(0, space.size))
    assert list(MappedFile(memoryview(mapping_of(path))).data_ranges(0, space.size)) == ranges
    space.close()
    assert any(start <= 32 << 20 < end for start, end in ranges)
    assert sum(end - start for start, end in ranges) <= 64 << 20


def test_a_closed_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    path.write_bytes(b"abcd")
    space = opened(path)
    space.close()
    space.close()
    with pytest.raises(SourceUnreadable, match="memory"):
        space.read(0, 4)


def test_a_file_that_someone_cuts_ends_there(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    path.write_bytes(bytes(100))
    space = opened(path)
    os.truncate(path, 10)
    assert space.read_some(5, 20) == bytes(5)
    space.close()


def test_large_pieces_of_a_mapping_come_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    data = bytes(range(256)) * 1024
    path.write_bytes(data)
    mapping = mapping_of(path)
    space = MappedFile(memoryview(mapping))
    assert space.read_some(3, 70_000) == data[3:70_003]
    assert space.read_some(200_000, 1 << 20) == data[200_000:]
    part = MappedFile(memoryview(mapping)[1000:])
    assert part.read_some(0, 70_000) == data[1000:71_000]
    with pytest.raises(BufferError):
        mapping.close()
    assert space.read_some(0, 100_000) == data[:100_000]
    del space, part
    mapping.close()
    with pytest.raises(SourceUnreadable):
        mapping.file.read_some(0, 1)
