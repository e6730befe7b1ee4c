from __future__ import annotations

import pytest

from smalldump.analysis.places import place_of
from smalldump.model import StackWindow, Thread
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
