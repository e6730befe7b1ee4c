"""Roots of page tables out of bare memory."""

from __future__ import annotations

import struct

import pytest

from smalldump.memory import BytesSpace, MappedFile, Run, RunSpace
from smalldump.memory.paging import PagingKind, Translation
from smalldump.sources.discovery.root_scan import SelfMap, scanned_roots
from tests.synth.bare import BareMachine

PAGE = 0x1000


def x64_root(address: int, index: int = 0x1ED, flags: int = 0x8000000000000063) -> bytes:
    page = bytearray(PAGE)
    struct.pack_into("<Q", page, 8 * index, address | flags)
    struct.pack_into("<Q", page, 8 * 0x1EF, 0x3063)
    return bytes(page)


@pytest.mark.parametrize("address", [0x1000, 0x1AD000, 0xFF000, 0x100000, 0x12345000, 0x23456789000])
@pytest.mark.parametrize("index", [0x100, 0x1ED, 0x1FE])
def test_anywhere_in_memory(address: int, index: int) -> None:
    memory = BytesSpace({address: x64_root(address, index)})
    assert list(scanned_roots(memory)) == [SelfMap(Translation(PagingKind.X64, address), index)]


@pytest.mark.parametrize("flags", [0x63, 0x867, 0x0A00000000000863, 0x8000000000000023])
def test_flags_of_the_entry_do_not_matter(flags: int) -> None:
    memory = BytesSpace({0x5000: x64_root(0x5000, flags=flags)})
    assert [found.translation.root for found in scanned_roots(memory)] == [0x5000]


def test_an_entry_that_is_not_valid_is_none() -> None:
    assert list(scanned_roots(BytesSpace({0x5000: x64_root(0x5000, flags=0x62)}))) == []


def test_two_entries_that_lead_back_are_no_self_map() -> None:
    page = bytearray(x64_root(0x5000))
    struct.pack_into("<Q", page, 8 * 0x190, 0x5063)
    assert list(scanned_roots(BytesSpace({0x5000: bytes(page)}))) == []


def test_an_entry_in_the_half_of_user_mode_is_none() -> None:
    assert list(scanned_roots(BytesSpace({0x5000: x64_root(0x5000, 0x20)}))) == []


def test_a_root_that_leads_beyond_memory_is_none() -> None:
    page = bytearray(x64_root(0x5000))
    struct.pack_into("<Q", page, 8 * 0x1EF, 0x900063)
    memory = BytesSpace({0x5000: bytes(page)})
    assert list(scanned_roots(memory, end=0x800000)) == []
    assert len(list(scanned_roots(memory, end=0x901000))) == 1


def test_runs_of_memory_in_a_file() -> None:
    data = bytes(PAGE) + x64_root(0x7FFF000) + x64_root(0x40000000)
    space = RunSpace(MappedFile(data), [Run(0x7FFE000, 0x8000000, 0), Run(0x40000000, 0x40001000, 2 * PAGE)], len(data))
    assert [found.translation.root for found in scanned_roots(space)] == [0x7FFF000, 0x40000000]


def test_a_root_of_pae_is_found_by_its_last_directory() -> None:
    machine = BareMachine("PAE")
    found = list(scanned_roots(BytesSpace(machine.physical())))
    assert [each.translation for each in found] == [Translation(PagingKind.PAE, machine.root)]


def test_directories_of_pae_without_a_root() -> None:
    machine = BareMachine("PAE")
    pages = machine.physical()
    del pages[machine.root]
    assert list(scanned_roots(BytesSpace(pages))) == []
