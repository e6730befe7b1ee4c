"""Profiles: what each kind of small dump includes."""

from __future__ import annotations

import pytest

from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.writer import CLASSIC, MODERN, default_profile
from smalldump.writer.profile import PROFILES


@pytest.mark.parametrize(("machine", "name"), [(X86, "classic"), (X64, "modern"), (ARM64, "modern")])
def test_defaults(machine: Machine, name: str) -> None:
    assert default_profile(machine) is PROFILES[name]


def test_classic_is_64_kb_with_16_kb_of_stack() -> None:
    assert CLASSIC.size == 65_536
    assert {CLASSIC.stack_limit(machine) for machine in (X86, X64, ARM64)} == {0x4000}


def test_modern_is_as_large_as_its_content_with_32_kb_of_stack_on_x64() -> None:
    assert MODERN.size is None
    assert [MODERN.stack_limit(machine) for machine in (X86, X64, ARM64)] == [0x4000, 0x8000, 0x4000]


@pytest.mark.parametrize(
    ("build", "lists", "product"), [(2195, False, False), (2600, True, False), (3790, True, True), (19041, True, True)]
)
def test_classic_includes_what_the_windows_did(build: int, lists: bool, product: bool) -> None:
    assert (CLASSIC.includes_lists(build), CLASSIC.includes_product(build)) == (lists, product)
    assert MODERN.includes_lists(build)
    assert MODERN.includes_product(build)
