"""Where the kernel keeps its variables."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from smalldump.model import Absent
from smalldump.unwind import walk
from smalldump.unwind.kernel_data import kernel_data
from tests.unwind.machines import NT, NT32, STACK, STACK32, StoppedMachine, arm64, words32, words64, x64, x86

VARIABLES = {"ps_loaded_module_list": 0x8000, "ki_bugcheck_data": 0x9000, "ki_processor_block": 0xA000}


def ranges(words: Mapping[str, int] | Absent) -> list[tuple[int, int]]:
    machine = x64(words64(0), NT + 0x1000)
    machine.debugger_data = words if isinstance(words, Absent) else {name: NT + rva for name, rva in words.items()}
    return [(start - NT, end - NT) for start, end, _ in kernel_data(machine)]


def test_variables_span_a_range() -> None:
    assert ranges(VARIABLES) == [(0x8000, 0xA000)]
    assert ranges({"ki_bugcheck_data": 0x9000}) == []
    assert ranges({}) == []
    assert ranges(Absent.CORRUPT) == []


def test_code_addresses_cut_the_range() -> None:
    for code in ("breakpoint_with_status", "ki_call_user_mode", "ke_user_callback_dispatcher", "ki_normal_system_call"):
        assert ranges(VARIABLES | {code: 0x8800}) == [(0x9000, 0xA000)]


def test_constants_and_addresses_elsewhere_span_nothing() -> None:
    assert ranges(VARIABLES | {"nt_build_lab": 0x1000, "kern_base": 0, "mm_user_probe_address": 0x2000}) == [
        (0x8000, 0xA000)
    ]
    assert ranges(VARIABLES | {"mm_pfn_database": 0x10000, "pool_track_table": -8}) == [(0x8000, 0xA000)]


def test_far_neighbours_belong_to_different_sections() -> None:
    machine = x64(words64(0), NT + 0x1000)
    kernel = machine.modules[0]._replace(size=0x800000)
    machine.modules = type(machine.modules)([kernel])
    rvas = (0x300000, 0x310000, 0x310000 + 0x20000, 0x310000 + 0x40001, 0x360000)
    machine.debugger_data = {f"variable_{rva}": NT + rva for rva in rvas}
    assert [(start - NT, end - NT) for start, end, _ in kernel_data(machine)] == [
        (0x300000, 0x330000),
        (0x350001, 0x360000),
    ]


def machines(slot_rva: int) -> list[StoppedMachine]:
    """Stopped machines with two return addresses on the stack, of which the first is at `slot_rva` in the kernel."""
    on_x64 = words64(*[0] * 5, NT + slot_rva, *[0] * 5, NT + 0x2005, 0, 0)
    on_x86 = words32(*[0] * 5, NT32 + slot_rva, *[0] * 5, NT32 + 0x2005, 0, 0)
    on_arm64 = words64(*[0] * 5, NT + (slot_rva & ~3), *[0] * 5, NT + 0x2004, 0, 0)
    return [
        x64(on_x64, NT + 0x3001),
        x86(on_x86, NT32 + 0x3001, 0),
        arm64(on_arm64, NT + 0x3000, 1),
    ]


@pytest.mark.parametrize("index", [0, 1, 2], ids=["x64", "x86", "ARM64"])
def test_no_frame_lies_among_the_variables(index: int) -> None:
    for rva, found in ((0x5005, True), (0x9005, False)):
        machine = machines(rva)[index]
        base = machine.modules[0].base
        machine.debugger_data = {name: base + word for name, word in VARIABLES.items()}
        places = [frame.pc - base for frame in walk(machine).crash.frames]
        assert any(place in (rva, rva & ~3) for place in places) == found
        assert any(place in (0x2005, 0x2004) for place in places)
        assert machine.window.start in (STACK, STACK32)
