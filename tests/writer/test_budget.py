"""The budget: what goes first, what stays, and that sizes are exact."""

from __future__ import annotations

import re
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smalldump.checking import FileState, check
from smalldump.collect import collect
from smalldump.compose import Composed, compose
from smalldump.errors import BudgetTooSmall
from smalldump.layout.triage import MARKER
from smalldump.model import Absent, Blob, BugCheck, Snapshot, UnloadedModule
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.model.requests import Contribution, RangeRequest, Rank
from smalldump.sources.builder import SnapshotBuilder, driver
from smalldump.writer import CLASSIC, MODERN, Dropped, contents_of, fit
from tests.images.portable import Part, portable
from tests.synth import x64_dump
from tests.writer.facts import read_again
from tests.writer.machines import builders

KERNEL = 0x80400000
WOBBLE = 0x90000000
STACK = 0x84000000
PAGES = 0xA0000000
# In which order things are given up, by what the result says.
ORDER = [
    r"\d+ optional blocks?",
    r"blob [0-9a-f-]{36}",
    r"\d+ blocks? \(register page\)",
    r"folders of driver paths",
    r"\d+ blocks? \(code\)",
    r"\d+ blocks? \(component\)",
    r"\d+ blocks? \(unwind\)",
    r"\d+ blocks? \(user\)",
    r"\d+ blocks? \(bug check\)",
    r"data page",
    r"KiProcessorBlock group",
    r"outermost [\d,]+ bytes of the stack",
    r"unloaded drivers \(\d+\)",
    r"\d+ drivers?",
]


class Contributor:
    """Wants memory of its own."""

    name = "wobble"

    def contribute(self, machine: Snapshot) -> Contribution:
        return Contribution([RangeRequest(PAGES + 0x10000, 0x180, "state")])


def full_machine() -> SnapshotBuilder:
    """An x86 machine with something of every kind that can be given up."""
    window = bytearray(0x3000)
    window[0x40:0x44] = (WOBBLE + 0x1234).to_bytes(4, "little")
    window[0x10:0x14] = (KERNEL + 0x2345).to_bytes(4, "little")
    drivers = [
        driver(rf"\SystemRoot\System32\drivers\gizmo{n:02}.sys", 0x91000000 + n * 0x10000, 0x8000) for n in range(60)
    ]
    kernel = driver(r"\SystemRoot\system32\ntoskrnl.exe", KERNEL, 0x800000, 1, 2)
    page = bytes(range(256)) * 16
    return SnapshotBuilder(
        machine=X86,
        build_number=3790,
        build_lab="3790.srv03_sp2_gdr.100216-1301",
        bug_check=BugCheck(0xD1, (PAGES + 0x20000, 2, 0, WOBBLE + 0x1234)),
        registers={"eip": WOBBLE + 0x1234, "ebp": STACK + 0xC, "ebx": PAGES + 0x30123},
        modules=[kernel, driver(r"\SystemRoot\System32\drivers\wobble.sys", WOBBLE, 0x10000, 1, 2), *drivers],
        unloaded_modules=[
            UnloadedModule(f"old{n}.sys", 0x95000000 + n * 0x1000, 0x95000800 + n * 0x1000, False) for n in range(9)
        ],
        stack=(STACK, bytes(window)),
        data_page=(PAGES, page[:0x400]),
        blobs=[Blob(f"{n:08x}-1111-2222-3333-444444444444", memoryview(bytes(n * 100 + 1)), 0) for n in range(1, 4)],
        memory={
            WOBBLE: portable([Part(".text", 0x1000, b"", 0xF000)], machine=0x14C, timestamp=1),
            WOBBLE + 0x1230: page[:0x200],
            KERNEL + 0x2340: page[:0x200],
            PAGES + 0x10000: page[:0x180],
            PAGES + 0x20000: page,
            PAGES + 0x30000: page,
            PAGES + 0x40000: page[:0x300],
            PAGES + 0x50000: page[:0x500],
        },
    )


MACHINE = full_machine().build()
USER = RangeRequest(PAGES + 0x40000, 0x300, "--page", rank=Rank.USER)


def composed(size: int | None) -> Composed:
    return compose(MACHINE, profile=MODERN, size=size, pages=[USER], contributors=[Contributor()])


def needed_by(machine: Snapshot) -> int:
    """The fewest bytes that hold the machine."""
    with pytest.raises(BudgetTooSmall) as caught:
        compose(machine, size=0x1000)
    assert caught.value.budget == 0x1000
    return caught.value.needed


def kinds(dropped: tuple[Dropped, ...]) -> list[int]:
    """Places in ORDER of what was given up; several in a row of the same kind count once."""
    found = [next(at for at, kind in enumerate(ORDER) if re.fullmatch(kind, loss.what)) for loss in dropped]
    return [kind for at, kind in enumerate(found) if at == 0 or found[at - 1] != kind]


def test_nothing_is_given_up_without_need() -> None:
    assert composed(None).dropped == ()
    assert composed(composed(None).plan.size).dropped == ()
    assert composed(1 << 20).dropped == ()


@cache
def sweep() -> dict[int, tuple[Dropped, ...]]:
    """What is given up at every seventh size, from all that would go in down to what must."""
    collected = collect(MACHINE, [USER], [Contributor()])
    contents = contents_of(MACHINE, collected.requests, collected.blobs, MODERN)
    with pytest.raises(BudgetTooSmall) as caught:
        fit(contents, 1, collected.drivers)
    sizes = range(composed(None).plan.size - 1, caught.value.needed - 1, -7)
    return {size: fit(contents, size, collected.drivers)[1] for size in sizes}


def test_the_order_of_giving_up() -> None:
    seen = [kinds(dropped) for dropped in sweep().values()]
    assert all(found == list(range(len(found))) for found in seen)
    assert [len(found) for found in seen] == sorted(len(found) for found in seen)
    assert {len(found) for found in seen} == set(range(1, len(ORDER) + 1))


def test_what_is_given_up_saves_what_the_result_says() -> None:
    whole = composed(None).plan.size
    for size, dropped in sweep().items():
        assert all(loss.saved > 0 and loss.why == "no room" for loss in dropped)
        assert whole - sum(loss.saved for loss in dropped) <= size


def test_no_more_is_given_up_than_must_be() -> None:
    whole = composed(None).plan.size
    for size, dropped in sweep().items():
        assert whole - sum(loss.saved for loss in dropped[:-1]) > size


def test_the_last_things_to_stay() -> None:
    with pytest.raises(BudgetTooSmall) as caught:
        composed(1)
    again = read_again(composed(caught.value.needed).data())
    assert [module.file for module in again.modules] == ["ntoskrnl.exe", "wobble.sys"]
    assert not isinstance(again.stack, Absent)
    assert bytes(again.stack.data) == MACHINE.memory.read(STACK, 0x1000)
    assert again.unloaded_modules == ()
    assert again.build_lab == MACHINE.build_lab
    assert (again.bug_check, again.system) == (MACHINE.bug_check, MACHINE.system)
    assert (again.contexts.header, again.contexts.crash) == (MACHINE.contexts.header, MACHINE.contexts.crash)
    assert (again.thread, again.process) == (MACHINE.thread, MACHINE.process)
    assert again.memory.read(WOBBLE + 0x1234, 0x10) == MACHINE.memory.read(WOBBLE + 0x1234, 0x10)
    assert len(again.structures["KPRCB"].data) == 0xEC0


def test_the_kernel_stays_whatever_is_on_the_stack() -> None:
    machine = SnapshotBuilder(
        modules=[driver(f"{number}.sys", 0xFFFFF80010000000 + number * 0x10000, 0x8000) for number in range(9)]
    )
    collected = collect(machine.build())
    contents = contents_of(machine.build(), collected.requests, (), MODERN)
    with pytest.raises(BudgetTooSmall) as caught:
        fit(contents, 1)
    kept, _ = fit(contents, caught.value.needed)
    assert [each.file for each in kept.drivers] == ["0.sys"]


def test_drivers_of_the_end_of_the_list_go_first() -> None:
    with pytest.raises(BudgetTooSmall) as caught:
        composed(1)
    again = read_again(composed(caught.value.needed + 1000).data())
    files = [module.file for module in again.modules]
    assert files == [module.file for module in MACHINE.modules][: len(files)]
    assert 2 < len(files) < 20


def test_drivers_unloaded_longest_ago_go_first() -> None:
    lost = {size: dropped[-1] for size, dropped in sweep().items() if dropped[-1].what.startswith("unloaded drivers")}
    assert {loss.what for loss in lost.values()} == {f"unloaded drivers ({n})" for n in range(1, 10)}
    size = next(size for size, loss in lost.items() if loss.what == "unloaded drivers (3)")
    again = read_again(composed(size).data())
    assert again.unloaded_modules == tuple(MACHINE.unloaded_modules)[:6]  # type: ignore[arg-type]


def test_the_largest_blobs_go_first() -> None:
    first = next(loss for dropped in sweep().values() for loss in dropped if loss.what.startswith("blob"))
    assert first.what == "blob 00000003-1111-2222-3333-444444444444"


@settings(max_examples=40)
@given(builders())
def test_needed_is_true(builder: SnapshotBuilder) -> None:
    machine = builder.build()
    needed = needed_by(machine)
    data = compose(machine, size=needed).data()
    assert len(data) == needed
    assert check(memoryview(data)).state is FileState.WHOLE
    with pytest.raises(BudgetTooSmall) as caught:
        compose(machine, size=needed - 1)
    assert (caught.value.needed, caught.value.budget) == (needed, needed - 1)


@settings(max_examples=40)
@given(builders(), st.integers(0, 0x30000))
def test_any_size_from_needed_on_is_exact(builder: SnapshotBuilder, more: int) -> None:
    machine = builder.build()
    size = needed_by(machine) + more
    result = compose(machine, size=size)
    data = result.data()
    assert len(data) == size
    assert data[result.plan.marker :][:4] == MARKER
    assert not any(loss.saved < 0 for loss in result.dropped)


# 64 bits in 64 KB


@pytest.mark.parametrize(
    ("machine", "build", "true", "kept"),
    [(X64, 19041, 0xAF00, 0x700), (X64, 9600, 0x5D80, 0x700), (ARM64, 22000, 0x9680, 0x8B0)],
)
def test_a_kprcb_is_shortened_where_it_must(machine: Machine, build: int, true: int, kept: int) -> None:
    filler = {0x1000: bytes(0x8000)}
    source = SnapshotBuilder(machine=machine, build_number=build, memory=filler, comment="hello").build()
    result = compose(source, size=40_000)
    assert result.dropped[0].what == f"KPRCB behind {kept:#x}"
    assert result.dropped[0].saved >= true - kept - 0x10 - 8
    again = read_again(result.data())
    assert len(again.structures["KPRCB"].data) == kept
    assert not isinstance(again.debugger_data, Absent)
    assert again.debugger_data["size_prcb"] == kept
    assert not isinstance(again.dump, Absent)
    assert again.dump.comment == f"hello; KPRCB of {true:#x} bytes shortened to {kept:#x}"
    # The registers that debuggers show are still found: through KiProcessorBlock, KPRCB and PRCB.Context.
    assert again.contexts == source.contexts
    assert again.structures["KPRCB"].address == source.structures["KPRCB"].address


def test_a_long_comment_makes_room_for_the_note() -> None:
    result = compose(SnapshotBuilder(comment="x" * 127, memory={0x1000: bytes(0x8000)}).build(), size=40_000)
    again = read_again(result.data())
    assert not isinstance(again.dump, Absent)
    assert again.dump.comment == "x" * (127 - 42) + "; KPRCB of 0xaf00 bytes shortened to 0x700"


def test_repeated_bytes_are_written_once() -> None:
    result = compose(SnapshotBuilder().build(), size=65_536)
    aliases = {block.why: block.alias for block in result.contents.blocks if block.alias}
    assert aliases == {"KPRCB": "KPRCB", "PRCB.Context": "context"}
    assert not any(piece.name.startswith("data block ") and piece.size > 0x4D0 for piece in result.plan.pieces[:-3])


def test_128_kb_and_more_keep_the_kprcb_while_anything_else_can_go() -> None:
    filler = {0x100000 * n: bytes(0x8000) for n in range(1, 9)}
    result = compose(SnapshotBuilder(memory=filler).build(), size=0x20000)
    assert [re.sub(r"\d+", "N", loss.what) for loss in result.dropped] == ["N optional blocks"]
    assert result.contents.true_prcb_size == len(result.contents.kprcb) == 0xAF00


def test_when_nothing_else_is_left_a_large_file_shortens_it_too() -> None:
    drivers = [driver(f"{'x' * 200}{n}.sys", 0xFFFFF80010000000 + n * 0x10000, 0x8000) for n in range(300)]
    machine = SnapshotBuilder(modules=drivers).build()
    collected = collect(machine)
    contents = contents_of(machine, collected.requests, collected.blobs, MODERN)
    size = 200_000
    kept, dropped = fit(contents, size, {module.base for module in drivers})
    assert [loss.what for loss in dropped][-1] == "KPRCB behind 0x700"
    assert len(kept.drivers) == 300
    with pytest.raises(BudgetTooSmall) as caught:
        fit(contents, 0x1000, {module.base for module in drivers})
    assert 0x20000 < caught.value.needed < size


# KiProcessorBlock


def test_a_lone_array_is_never_written() -> None:
    array = 0xFFFFF80000602000
    source = SnapshotBuilder(prcb_registers=Absent.NOT_CAPTURED, memory={array - 0x10: bytes(range(1, 0x41))})
    result = compose(source.build())
    assert [(loss.what, loss.why) for loss in result.dropped] == [
        ("KiProcessorBlock", "not all that must go with it can be read")
    ]
    again = read_again(result.data())
    assert array not in again.memory
    assert again.memory.read(array - 0x10, 0x10) == bytes(range(1, 0x11))
    assert again.memory.read(array + 8, 0x28) == bytes(range(0x19, 0x41))


@pytest.mark.parametrize("size", [None, 65_536, 40_000, 30_000, 25_000, 20_000])
def test_the_group_is_whole_or_gone(size: int | None) -> None:
    source = read_again(x64_dump().bytes)
    try:
        again = read_again(compose(source, profile=MODERN, size=size).data())
    except BudgetTooSmall:
        assert size in (20_000, 25_000)
        return
    assert not isinstance(source.debugger_data, Absent)
    array = source.debugger_data["ki_processor_block"]
    if array in again.memory:
        assert again.contexts.prcb == source.contexts.prcb
    else:
        assert again.contexts.prcb is Absent.NOT_CAPTURED


# Classic


def test_what_windows_2000_did_not_write_is_named() -> None:
    result = compose(SnapshotBuilder(machine=X86, build_number=2195).build(), profile=CLASSIC)
    assert [loss.why for loss in result.dropped] == ["not part of small dumps of build 2195"] * 2
    assert [loss.what for loss in result.dropped] == [
        "unloaded drivers, debugger data, extra memory",
        "product type and suites",
    ]


def test_stack_beyond_16_kb_is_named() -> None:
    result = compose(SnapshotBuilder(machine=X86, build_number=7601, stack=(STACK, bytes(0x5000))).build())
    assert [(loss.what, loss.why) for loss in result.dropped] == [
        ("outermost 4,096 bytes of the stack", "not part of this profile")
    ]
    assert len(result.contents.stack) == 0x4000
