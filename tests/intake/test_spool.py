"""Compressed images of physical memory, unpacked into a temporary file."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from smalldump.errors import SourceUnreadable
from smalldump.intake import expand, open_single
from smalldump.intake.spool import is_packed_memory, open_spooled
from smalldump.sources.physical import open_physical
from tests.goldens import EXAMPLES
from tests.physical_files import bitmap_dump, complete_dump, elf_core, kdump, lime_image, page

MEMORY = {number: page(number) for number in (1, 2, 700)}


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("xz", lzma.compress), ("bz2", bz2.compress)])
def test_what_is_unpacked_is_what_was_packed(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    data = complete_dump(MEMORY) + bytes(3 << 20) + b"end"
    path = tmp_path / f"MEMORY.DMP.{ending}"
    path.write_bytes(pack(data))
    with open_single(path) as source:
        assert bytes(source.data) == data
        assert source.size == len(data)
        assert "into a temporary file" in source.remark
        assert open_physical(source.data).space.read(700 * 4096, 4096) == page(700)


def test_zst_is_read(tmp_path: Path) -> None:
    path = tmp_path / "MEMORY.DMP.zst"
    path.write_bytes(zstandard.compress(complete_dump(MEMORY)))
    with open_single(path) as source:
        assert bytes(source.data) == complete_dump(MEMORY)


@pytest.mark.parametrize("build", [lambda m: bitmap_dump(m, 800), elf_core, lime_image, lambda m: kdump(m, 800)])
def test_all_containers_of_memory(tmp_path: Path, build: Callable[[dict[int, bytes]], bytes]) -> None:
    path = tmp_path / "memory.gz"
    path.write_bytes(gzip.compress(build(MEMORY)))
    with open_single(path) as source:
        assert source.remark
        assert bytes(source.data) == build(MEMORY)


def test_zeros_take_no_room(tmp_path: Path) -> None:
    path = tmp_path / "memory.xz"
    packer = lzma.LZMACompressor(preset=0)
    with path.open("wb") as out:
        out.write(packer.compress(lime_image(MEMORY)))
        for _ in range(300):
            out.write(packer.compress(bytes(1 << 20)))
        out.write(packer.flush())
    with open_single(path) as source:
        assert source.size > 300 << 20  # more than the limit of what is unpacked into memory
        assert re.search(r": 300 MiB, (1(\.\d+)? MiB|\d+(\.\d)? KiB) of them on the disk", source.remark)


def test_raw_memory_is_known_by_its_name(tmp_path: Path) -> None:
    for name in ("guest.vmem.gz", "guest.raw.gz"):
        (tmp_path / name).write_bytes(gzip.compress(page(1) * 5))
        with open_single(tmp_path / name) as source:
            assert bytes(source.data) == page(1) * 5
            assert source.beside == tmp_path / name[:-3]


def test_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "MEMORY.DMP.gz").write_bytes(gzip.compress(complete_dump(MEMORY)))
    (origin,) = expand([tmp_path])
    assert (origin.spooled, origin.name) == (True, str(tmp_path / "MEMORY.DMP.gz"))


def test_others_go_the_usual_way(tmp_path: Path) -> None:
    small = tmp_path / "small.dmp.gz"
    small.write_bytes(gzip.compress(EXAMPLES[0].read_bytes()))
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"abc")[:-9])
    plain = tmp_path / "plain"
    plain.write_bytes(complete_dump(MEMORY))
    for path in (small, broken, plain, tmp_path / "missing", tmp_path):
        assert not is_packed_memory(path)
    with pytest.raises(SourceUnreadable):
        open_spooled(plain)
    with open_single(small) as source:
        assert source.remark == ""


@pytest.mark.parametrize("spoil", [lambda data: data[:-100], lambda data: data[:5000] + b"\xff" * 99 + data[5099:]])
def test_damaged_streams_are_said(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "MEMORY.DMP.gz"
    noise = bytes(range(256)) * 400
    path.write_bytes(spoil(gzip.compress(complete_dump(MEMORY) + bytes(hash(i) * 37 % 251 for i in noise), 1)))
    with pytest.raises(SourceUnreadable, match=r"MEMORY\.DMP\.gz"):
        open_single(path)


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "MEMORY.DMP.gz"
    path.write_bytes(gzip.compress(complete_dump(MEMORY)))
    full = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(SourceUnreadable, match="room for temporary files"):
        open_single(path)
