"""Our own signature: what is in it, and what does not change it."""

from __future__ import annotations

import dataclasses
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.analysis import analyse
from smalldump.analysis.signature import FRAMES, VERSION, Signature
from smalldump.model import BugCheck, Snapshot
from smalldump.model.machine import X86
from smalldump.sources.builder import SnapshotBuilder, driver
from tests.analysis.buckets import DRIVER, KERNEL, Named, built
from tests.analysis.machines import analysed
from tests.goldens import EXAMPLES
from tests.synth import x64_dump, x86_dump

LOW = 0xF7A30000


def signature(machine: Snapshot, function: str = "") -> Signature:
    found = analyse(machine, Named(function)) if function else analyse(machine)
    assert found.signature is not None
    return found.signature


def chain(
    places: list[tuple[str, int]], *, slide: int = 0, stack: int = LOW, waste: bytes = b"", code: int = 0xD1
) -> Snapshot:
    """An x86 machine whose stack is a chain of frame pointers through (file, offset), the failing place first.

    All modules and the stack can be anywhere; `waste` lies in the frames' locals.
    """
    files = list(dict.fromkeys(file for file, _ in [("ntoskrnl.exe", 0), *places]))
    bases = {file: 0x80400000 + slide + at * 0x200000 for at, file in enumerate(files)}
    modules = [driver(file, base, 0x100000) for file, base in bases.items()]
    size = 0x40
    frames = b""
    for at, (file, offset) in enumerate(places[1:], 1):
        last = at == len(places) - 1
        above = 0 if last else stack + at * size
        frames += struct.pack("<II", above, bases[file] + offset) + waste.ljust(size - 8, b"\0")[: size - 8]
    first, offset = places[0]
    pc = bases[first] + offset
    return SnapshotBuilder(
        machine=X86,
        build_number=2600,
        bug_check=BugCheck(code, (0x28, 2, 0, pc)),
        modules=modules,
        registers={"eip": pc, "ebp": stack, "esp": stack},
        stack=(stack, frames + bytes(0x200)),
    ).build()


PLACES = [("wobblefs.sys", 0x2D4C), ("wobblefs.sys", 0x2B17), ("disk.sys", 0x4DF4), ("ntoskrnl.exe", 0x5000)]


def test_the_demo() -> None:
    found = analysed(x64_dump()).signature
    assert found is not None
    assert found.version == VERSION == 1
    assert found.coarse == "d1|wobblefs"
    assert found.fine == "d1|wobblefs+2d4c|wobblefs+2b17|wobblefs+18a5"


def test_windows_and_its_frameworks() -> None:
    """Modules of Windows stand without offsets; the kernel and frameworks are left out while they have no names."""
    assert signature(chain(PLACES)).fine == "d1|wobblefs+2d4c|wobblefs+2b17|disk"
    assert signature(chain([("wdf01000.sys", 0x10), *PLACES])).fine == "d1|wobblefs+2d4c|wobblefs+2b17|disk"


def test_the_exception_is_part_of_it() -> None:
    machine = built(0x7E, (0xFFFFFFFFC0000005, DRIVER + 0x1010, 0, 0), "amdppm.sys")
    assert signature(machine).fine == "7e|c0000005|amdppm"


def test_the_kind_of_failure_is_part_of_it_but_no_address() -> None:
    assert signature(built(0x139, (3, 0, 0, 0), "a.sys")).fine == "139|3|a+1010"
    assert signature(built(0x139, (KERNEL, 0, 0, 0), "a.sys")).fine == "139|a+1010"


def test_functions_stand_by_name_and_those_that_handle_failures_not_at_all() -> None:
    machine = built(0xD1, (0x28, 2, 0, KERNEL + 0x1010))
    assert signature(machine, "nt!IopfCompleteRequest").fine == "d1|undecided|nt!iopfcompleterequest"
    assert signature(machine, "nt!KiPageFault").fine == "d1|undecided"


def test_where_nobody_is_blamed_the_kind_of_verdict_stands() -> None:
    assert signature(built(0xE2, (0, 0, 0, 0))).coarse == "e2|user_initiated"


def test_at_most_so_many_frames() -> None:
    places = [("wobblefs.sys", 0x1000 + at * 0x10) for at in range(FRAMES + 4)]
    assert signature(chain(places)).fine.count("|") == FRAMES


def test_an_unloaded_driver_is_in_it_by_its_offset() -> None:
    found = analysed(x86_dump()).signature
    assert found is not None
    assert found.fine.startswith("ce|unloaded:scanbud.sys+")
    assert found.coarse == "ce|scanbud.sys"


def test_a_bar_in_a_name_does_not_make_parts() -> None:
    assert signature(built(0xD1, (0x28, 2, 0, 0), "a|b.sys")).fine.count("|") == 1


@given(st.integers(0, 0x1000), st.integers(0, 0x800), st.binary(min_size=8, max_size=0x38))
def test_neither_addresses_nor_left_overs_change_it(pages: int, stack_pages: int, waste: bytes) -> None:
    """Load addresses, the stack's place, and what lies in the frames' locals."""
    machine = chain(PLACES, slide=pages * 0x1000, stack=LOW + stack_pages * 0x1000, waste=waste)
    assert signature(machine)[:3] == signature(chain(PLACES))[:3]


@given(st.integers(0x1000, 0xF0000), st.integers(0x1000, 0xF0000))
def test_service_builds_of_windows_do_not_change_it(disk: int, kernel: int) -> None:
    moved = [*PLACES[:2], ("disk.sys", disk), ("ntoskrnl.exe", kernel)]
    assert signature(chain(moved))[:3] == signature(chain(PLACES))[:3]


def test_process_and_time_do_not_change_it() -> None:
    dump = x64_dump()
    process = dataclasses.replace(dump.facts.process, name="other.exe")
    later = analysed(x64_dump(process=process, uptime=7, processors=8, comment="another one")).signature
    assert later == analysed(dump).signature


@pytest.mark.parametrize("changed", [[("wobblefs.sys", 0x2D50), *PLACES[1:]], [*PLACES[:1], ("wobblefs.sys", 0x2000)]])
def test_another_place_gives_another_fine_one(changed: list[tuple[str, int]]) -> None:
    one, other = signature(chain(PLACES)), signature(chain(changed))
    assert one.coarse == other.coarse
    assert one.fine != other.fine


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_part_is_explained(path: object) -> None:
    import smalldump

    found = smalldump.analyze(str(path)).data["verdict"]["signature"]
    for part in found["fine"].split("|"):
        assert any(line.startswith(f"{part}: ") for line in found["explanation"])
