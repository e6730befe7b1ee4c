"""A second opinion on x64: kdmp-parser (MIT), by the author of the format's best-known public description, in C++."""

from __future__ import annotations

import lzma
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from smalldump.memory import Overlay, Segment
from smalldump.memory.paging import Mapping, PageState, PagingKind, Translation, VirtualSpace
from tests.synth.complete_dump import complete_dump64, physical_runs
from tests.synth.page_tables import PAGE, PageTables


@pytest.fixture(scope="module")
def kdmp_parser() -> Any:
    if find_spec("kdmp_parser") is None:
        if os.environ.get("SMALLDUMP_CI"):
            pytest.fail("the gate must run with kdmp-parser, on Linux on x86-64")
        pytest.skip("kdmp-parser is not installed: it is for Linux on x86-64 (see requirements/dev.in)")
    return import_module("kdmp_parser")


def opened(dump: bytes, kind: PagingKind) -> VirtualSpace:
    root, runs = physical_runs(dump)
    memory = Overlay(Segment(address, memoryview(data), "run") for address, data in runs)
    return VirtualSpace(memory, Translation(kind, root))


def agree(theirs: Any, ours: VirtualSpace, mapping: Mapping) -> bool:
    """Whether both give the same physical addresses and bytes at the start and the end of a page."""
    return all(
        theirs.translate_virtual(address) == ours.translate(address)
        and (theirs.read_virtual_page(address) or b"") == ours.read_some(address & ~0xFFF, PAGE)
        for address in (mapping.start, mapping.start + 0x123, mapping.end - 1)
    )


def test_both_read_pages_of_each_size_alike(kdmp_parser: Any, tmp_path: Path) -> None:
    tables, base = PageTables("X64"), 0xFFFFF80000000000
    for size in tables.mode.sizes:
        # kdmp-parser 0.7.4 takes the PAT flag of a large page, bit 12, for a bit of the address.
        tables.map(base + 2 * size, 0x80000000, size, pat=False)
        tables.map(base + 3 * size, 0x80000000 + size, size, pat=False)
    for page in (0x80000000, 0x80001000, 0x80200000, 0xC0000000, 0xFFFFF000):
        tables.fill(page, page.to_bytes(8, "little") * 512)
    tables.put(tables.root + 0x1ED * 8, tables.root | 0x63)
    path = tmp_path / "complete.dmp"
    path.write_bytes(complete_dump64(tables.root, tables.memory))
    theirs, ours = kdmp_parser.KernelDumpParser(path), opened(path.read_bytes(), PagingKind.X64)
    mappings = list(ours.mappings(0, 1 << 64))
    assert {mapping.size for mapping in mappings} == set(tables.mode.sizes)
    assert len(mappings) > 10
    assert all(agree(theirs, ours, mapping) for mapping in mappings)


def test_both_find_the_same_holes(kdmp_parser: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tables, base = PageTables("X64"), 0xFFFFF80000000000
    tables.map(base, 0x80000000)
    tables.map_prototype(base + PAGE)
    tables.map_paged_out(base + 2 * PAGE)
    path = tmp_path / "complete.dmp"
    path.write_bytes(complete_dump64(tables.root, tables.memory))
    theirs, ours = kdmp_parser.KernelDumpParser(path), opened(path.read_bytes(), PagingKind.X64)
    for address in (base + PAGE, base + 2 * PAGE, base + 3 * PAGE, base + (1 << 21), base + (1 << 30), 0):
        assert theirs.translate_virtual(address) is None
        assert not ours.lookup(address).state.resident
    assert theirs.translate_virtual(base) == ours.translate(base) == 0x80000000
    assert "Invalid page table entry" in capfd.readouterr().out


def test_both_translate_whole_machines_alike(kdmp_parser: Any, samples: Path, tmp_path: Path) -> None:
    dumps = sorted((samples / "engine-written").glob("*x64_19041*.full.dmp.xz"))
    assert dumps
    for dump in dumps:
        path = tmp_path / dump.stem
        path.write_bytes(lzma.decompress(dump.read_bytes()))
        assert path.read_bytes()[0xF98] == 1, "a complete dump"
        theirs, ours = kdmp_parser.KernelDumpParser(path), opened(path.read_bytes(), PagingKind.X64)
        mappings = list(ours.mappings(0, 1 << 64))
        # kdmp-parser does not follow entries in transition.
        valid = [mapping for mapping in mappings if mapping.state is PageState.VALID]
        assert len(valid) > 100
        assert len(mappings) - len(valid) < 10
        assert all(agree(theirs, ours, mapping) for mapping in valid), dump.name
        path.unlink()
