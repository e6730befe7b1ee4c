"""Unwinding without images: what a walk reads of them goes into the small dump, and leads the next walk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smalldump.api import analyze, lookup_for
from smalldump.collect import collect
from smalldump.compose import Composed, compose
from smalldump.memory import Overlay, Segment
from smalldump.model import ModuleList, Snapshot, StackWindow
from smalldump.model.requests import RangeRequest, Rank
from smalldump.sources.builder import driver
from smalldump.sources.small import SmallDump
from smalldump.unwind import Frame, FrameTrust, walk
from smalldump.writer import Dropped, emit, place
from smalldump.writer.scrub import ScrubLevel
from tests.collect.machines import DRIVER, TEXT_GUID, calling_machine, driver_image, stopped
from tests.truth.images.build import VARIANTS

UNWOUND = [variant.name for variant in VARIANTS if variant.arch != "x86"]


def small_dump(machine: Snapshot, size: int | None = None) -> SmallDump:
    return SmallDump(memoryview(compose(machine, size=size).data()))


def frames(machine: Snapshot) -> tuple[Frame, ...]:
    return walk(machine, lookup_for(machine, None)).crash.frames[1:]


def of_rank(machine: Snapshot, rank: Rank) -> list[RangeRequest]:
    return [request for request in collect(machine).requests if request.rank is rank]


@pytest.mark.parametrize("name", UNWOUND)
def test_a_small_dump_is_unwound_without_images(name: str) -> None:
    """All frames in the image are exact and true, as they are with the whole image in memory."""
    for found in stopped(name, most=40):
        exact = [(f.pc, f.sp) for f in frames(small_dump(found.machine)) if f.trust is FrameTrust.UNWIND_INFO]
        assert exact == [(f.pc, f.sp) for f in frames(found.machine) if f.trust is FrameTrust.UNWIND_INFO]
        assert exact == list(found.frames[: len(exact)])
        assert len(exact) == len(found.frames) - 1


@pytest.mark.parametrize("name", UNWOUND)
def test_it_costs_little(name: str) -> None:
    """A few bytes for each function, and not the tables."""
    for found in stopped(name, most=40):
        asked = of_rank(found.machine, Rank.UNWIND)
        assert sum(request.size for request in asked) < 0x400 + 0x90 * len(found.frames)


def test_a_dump_of_the_dump_is_unwound_too() -> None:
    for found in stopped("x64-plain", most=5):
        once = small_dump(found.machine)
        again = small_dump(once)
        assert frames(again) == frames(once)
        assert {f.trust for f in frames(again)[: len(found.frames) - 1]} == {FrameTrust.UNWIND_INFO}


@pytest.mark.parametrize("level", ScrubLevel)
def test_a_scrubbed_dump_is_unwound_too(level: ScrubLevel) -> None:
    """It keeps what the walk reads of function tables, but not the place of the PDB."""
    machine = calling_machine(3000, [100, 2999, 1500, 0])
    data = compose(machine, scrub_level=level).data()
    dump = SmallDump(memoryview(data))
    assert [frame.pc for frame in frames(dump)][:3] == [DRIVER + 0x1009 + 16 * n for n in (2999, 1500, 0)]
    assert {frame.trust for frame in frames(dump)[:3]} == {FrameTrust.UNWIND_INFO}
    assert b"wobble.pdb" in compose(machine).data()
    assert b"wobble.pdb" not in data


def test_without_the_images_nothing_is_exact() -> None:
    """The control: what makes the frames exact is what was collected."""
    found = next(stopped("x64-plain"))
    composed = compose(found.machine)
    kept = tuple(block for block in composed.contents.blocks if block.rank is not Rank.UNWIND)
    contents = composed.contents._replace(blocks=kept)
    bare = SmallDump(memoryview(emit(contents, place(contents))))
    assert FrameTrust.UNWIND_INFO not in {frame.trust for frame in frames(bare)}


def test_of_a_large_table_only_the_entries_that_are_compared_are_taken() -> None:
    machine = calling_machine(30_000, [100, 29_999, 15_000, 0])
    asked = [r for r in of_rank(machine, Rank.UNWIND) if r.why == "unwind data of wobble.sys"]
    assert sum(request.size for request in asked) < 4 * 15 * 12 + 8
    dump = small_dump(machine)
    assert [frame.pc for frame in frames(dump)][:3] == [DRIVER + 0x1009 + 16 * n for n in (29_999, 15_000, 0)]
    assert {frame.trust for frame in frames(dump)[:3]} == {FrameTrust.UNWIND_INFO}


def test_the_headers_and_the_identity_of_the_pdb_are_taken(tmp_path: Path) -> None:
    machine = calling_machine(10, [1, 2, 3])
    headers = [r for r in of_rank(machine, Rank.UNWIND) if r.why == "headers of wobble.sys"]
    assert headers[0].address == DRIVER
    assert headers[0].size == 0x80 + 4 + 20 + 0xF0 + 3 * 40
    path = tmp_path / "written.dmp"
    path.write_bytes(compose(machine).data())
    wanted = {each["name"]: each for each in analyze(path)["images_wanted"]}
    assert wanted["wobble.sys"]["pdb"] == {"key": f"wobble.pdb/{TEXT_GUID}7/wobble.pdb", "found": False}


def test_an_image_that_is_not_the_one_of_the_list_is_not_taken() -> None:
    machine = calling_machine(10, [1, 2, 3])
    other = [module._replace(timestamp=0x12345678) for module in machine.modules]
    machine.modules = ModuleList(other)
    assert of_rank(machine, Rank.UNWIND) == []


def test_images_full_of_holes_cost_nothing_but_their_frames() -> None:
    """Pages that are not in memory: what is there is taken, and the walk goes on as well as it can."""
    whole = calling_machine(3000, [1, 2900, 3])
    image = driver_image(3000)
    for missing in range(0, len(image), 0x1000):
        pages = {DRIVER + at: image[at : at + 0x1000] for at in range(0, len(image), 0x1000) if at != missing}
        machine = calling_machine(3000, [1, 2900, 3])
        machine.memory = Overlay([*stack_of(machine), *(Segment(a, memoryview(d), "page") for a, d in pages.items())])
        assert {f.pc for f in frames(small_dump(machine)) if f.trust is FrameTrust.UNWIND_INFO} <= {
            f.pc for f in frames(whole)
        }


def stack_of(machine: Snapshot) -> list[Segment]:
    window = machine.stack
    assert isinstance(window, StackWindow)
    return [Segment(window.start, window.data, "stack")]


def test_a_budget_may_take_it_back() -> None:
    """What is given up has a name; code goes before, and frames are then found by other means."""
    machine = calling_machine(30_000, [100, 29_999, 15_000, 0])
    composed = next(found for size in range(0x10000, 0x1000, -0x80) if lost(found := compose(machine, size=size)))
    assert [what for what in map(kind, composed.dropped) if what in ("code", "unwind")] == ["code", "unwind"]
    assert isinstance(frames(SmallDump(memoryview(composed.data()))), tuple)


def test_very_many_drivers_push_it_out_of_64_kb_in_the_documented_order() -> None:
    machine = calling_machine(30_000, [100, 29_999, 15_000, 0])
    assert not lost(compose(machine, size=0x10000))
    others = [driver(f"other{n:04}.sys", 0xFFFFF80100000000 + n * 0x10000, 0x8000) for n in range(300)]
    machine.modules = ModuleList([*machine.modules, *others])
    composed = compose(machine, size=0x10000)
    given_up = [re.sub(r"^\d+ | \(|\)|s\b|\d", " ", each.what).split() for each in composed.dropped]
    assert [" ".join(words) for words in given_up[1:]] == [
        "optional block",
        "block register page",
        "folder of driver path",
        "block code",
        "block unwind",
        "KiProcessorBlock group",
        "driver",
    ]


def kind(dropped: Dropped) -> str:
    return dropped.what.partition("(")[2].rstrip(")")


def lost(composed: Composed) -> bool:
    return "unwind" in map(kind, composed.dropped)
