from __future__ import annotations

from collections.abc import Sequence

import pytest

from smalldump.analysis import analyse
from smalldump.analysis.places import Places, place_of
from smalldump.images import PeImage
from smalldump.model import BugCheck, Module, StackWindow, Thread
from smalldump.model.symbols import FrameProgram, InlineSite, ModuleFiles, SourceLine, Symbol, SymbolOrigin, SymbolTable
from smalldump.sources.builder import SnapshotBuilder, driver
from tests.analysis.machines import machine
from tests.synth import x64_dump, x86_dump

DUMP = x64_dump()
MACHINE = machine(DUMP)


def words(address: int) -> str | None:
    return place_of(MACHINE, address).words


def test_an_address_in_a_module_is_module_plus_offset() -> None:
    driver = DUMP.facts.drivers[3]
    place = place_of(MACHINE, driver.base + 0x1234)
    assert place.module is not None
    assert place.module.base == driver.base
    assert place.words == f"{place.module.name}+0x1234"


def test_an_address_in_an_unloaded_drivers_old_range_says_so() -> None:
    dump = x86_dump()
    gone = (dump.facts.unloaded or ())[0]
    place = place_of(machine(dump), gone.start + 0x10)
    assert place.unloaded is not None
    assert place.words == f"<Unloaded_{gone.name[:12]}>+0x10"


def test_structures_of_the_dump_are_recognised_by_their_address() -> None:
    assert words(DUMP.facts.thread.address) == "ETHREAD of the thread that crashed"
    assert words(DUMP.facts.process.address + 8) == "EPROCESS of the current process + 0x8"


def test_the_saved_stack_and_the_rest_of_the_threads_stack_are_told_apart() -> None:
    stack, thread = MACHINE.stack, MACHINE.thread
    assert isinstance(stack, StackWindow)
    assert isinstance(thread, Thread)
    assert words(stack.start + 8) == "on the saved stack"
    assert isinstance(thread.stack_limit, int)
    assert words(thread.stack_limit) == "on the thread's stack, not saved"


def test_low_addresses_are_null_pointers_or_user_memory() -> None:
    assert words(0) == "null pointer"
    assert words(0x28) == "null pointer + 0x28"
    assert words(0x7FFB_3B2A_2680) == "user mode"
    assert words(0x8000_0000_0000_0000) == "not canonical"


def test_the_page_that_the_kernel_shares_with_processes_has_its_name() -> None:
    assert words(0x7FFE0000) == "KUSER_SHARED_DATA"
    assert words(0x7FFE0320) == "KUSER_SHARED_DATA+0x320"
    assert words(0xFFFFF780_00000008) == "KUSER_SHARED_DATA+0x8"
    assert words(0xFFDF0000) == "user mode"
    assert words(0x7FFE1000) == "user mode"
    assert place_of(machine(x86_dump()), 0xFFDF0014).words == "KUSER_SHARED_DATA+0x14"


@pytest.mark.parametrize(
    ("address", "telling"),
    [(0, False), (0x28, False), (0x51AF68C0, False), (1 << 63, False), (0x7FFE0320, True)],
)
def test_places_that_tell_something(address: int, telling: bool) -> None:
    assert place_of(MACHINE, address).is_telling is telling


def test_an_unknown_kernel_address_has_no_words() -> None:
    assert words(0xFFFFE00012345678) is None


class _Table:
    """One function, from 0x1200 on."""

    def __init__(self, origin: SymbolOrigin) -> None:
        self.origin = origin

    def nearest(self, rva: int) -> Symbol | None:
        return Symbol("DiskRead", 0x1200, 0x100, self.origin) if rva >= 0x1200 else None

    def line(self, _: int) -> SourceLine | None:
        return None

    def inlines(self, _: int) -> Sequence[InlineSite]:
        return ()

    def frame_program(self, _: int) -> FrameProgram | None:
        return None


class _Symbols:
    """Symbols of all modules, and no image."""

    def __init__(self, origin: SymbolOrigin) -> None:
        self.table = _Table(origin)

    def image(self, _: Module, /) -> PeImage | None:
        return None

    def symbols(self, _: Module, /) -> SymbolTable | None:
        return self.table

    def files(self, _: Module, /) -> ModuleFiles | None:
        return None


@pytest.mark.parametrize(("origin", "mark"), [(SymbolOrigin.PDB, ""), (SymbolOrigin.EXPORT, " (export)")])
def test_symbols_name_an_address_in_a_module_and_those_of_exports_are_marked(origin: SymbolOrigin, mark: str) -> None:
    base, places = DUMP.facts.drivers[3].base, Places(MACHINE, _Symbols(origin))
    place = places.at(base + 0x1234)
    assert place.module is not None
    assert place.words == f"{place.module.name}!DiskRead+0x34{mark}"
    assert places.at(base + 0x1100).words == f"{place.module.name}+0x1100"
    assert places.at(0).words == "null pointer"


@pytest.mark.parametrize(("origin", "mark"), [(SymbolOrigin.PDB, ""), (SymbolOrigin.EXPORT, " (export)")])
def test_parameters_and_evidence_speak_of_places_as_the_stack_does(origin: SymbolOrigin, mark: str) -> None:
    base = DUMP.facts.drivers[3].base
    stopped = SnapshotBuilder(
        bug_check=BugCheck(0xD1, (0x28, 2, 0, base + 0x1234)),
        registers={"rip": base + 0x1234},
        modules=[driver("ntoskrnl.exe", 0xFFFFF80000000000, 0x1000000), driver("wobblefs.sys", base, 0x10000)],
    ).build()
    found = analyse(stopped, _Symbols(origin))
    name = f"wobblefs!DiskRead+0x34{mark}"
    assert found.parameters[3].decoded == name
    assert found.verdict.evidence
    assert [piece.text for piece in found.verdict.evidence if name not in piece.text] == []
