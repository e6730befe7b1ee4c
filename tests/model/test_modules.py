"""The module list, in load order and by address."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smalldump.model import Absent, Module, ModuleList


def module(name: str, base: int, size: int) -> Module:
    return Module(name.partition(".")[0], name, name, base, size, Absent.PAGED_OUT, Absent.PAGED_OUT)


NT, HAL, NTFS = module("nt.exe", 0x5000, 0x3000), module("hal.dll", 0x1000, 0x1000), module("Ntfs.sys", 0x2000, 0x800)
MODULES = ModuleList([NT, HAL, NTFS])


def test_load_order() -> None:
    assert list(MODULES) == [NT, HAL, NTFS]
    assert (len(MODULES), MODULES[0], MODULES[-1]) == (3, NT, NTFS)
    assert list(MODULES[1:]) == [HAL, NTFS]
    assert NTFS in MODULES
    assert not ModuleList()


def test_by_address() -> None:
    assert MODULES.at(0x5000) is MODULES.at(0x7FFF) is NT
    assert MODULES.at(0x8000) is None
    assert MODULES.at(0x27FF) is NTFS
    assert MODULES.at(0x2800) is None
    assert MODULES.at(0) is None


def test_by_name() -> None:
    assert MODULES.named("NTFS") is MODULES.named("ntfs.SYS") is NTFS
    assert MODULES.named("missing") is None


def test_the_earlier_of_two_that_overlap() -> None:
    late = module("late.sys", 0x4000, 0x2000)
    modules = ModuleList([NT, late])
    assert (modules.at(0x4FFF), modules.at(0x5000)) == (late, NT)


def test_a_module_without_size_holds_nothing() -> None:
    assert ModuleList([module("none.sys", 0x1000, 0)]).at(0x1000) is None


@given(st.lists(st.tuples(st.integers(0, 0x400), st.integers(0, 0x80)), max_size=12), st.integers(0, 0x500))
def test_lookup_is_the_first_that_holds_it(spans: list[tuple[int, int]], address: int) -> None:
    modules = [module(f"m{index}.sys", base, size) for index, (base, size) in enumerate(spans)]
    expected = next((found for found in modules if found.base <= address < found.end), None)
    assert ModuleList(modules).at(address) == expected
