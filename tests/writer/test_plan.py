"""The plan: where everything lies, and that the file is as planned."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings

from smalldump.checking.claims import file_layout
from smalldump.checking.content import Content
from smalldump.compose import Composed, compose
from smalldump.errors import BudgetTooSmall
from smalldump.layout.blobs import walk_blobs
from smalldump.model import Absent, Snapshot
from smalldump.model.machine import X64, X86
from smalldump.sources.builder import SnapshotBuilder
from smalldump.sources.small import SmallDump
from smalldump.writer import CLASSIC, MODERN, Profile
from smalldump.writer.plan import place, size_of, string_size
from tests.synth import Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump
from tests.writer.facts import read_again
from tests.writer.machines import builders

DUMPS = {
    "x64": x64_dump(),
    "x86": x86_dump(),
    "ARM64": arm64_dump(),
    "Windows 2000": win2000_dump(),
    "kernel-written": kernel_written_dump(),
}
every_dump = pytest.mark.parametrize("dump", DUMPS.values(), ids=list(DUMPS))
every_profile = pytest.mark.parametrize("profile", [CLASSIC, MODERN], ids=["classic", "modern"])
WHOLE_NAMES = {"dump header", "triage header", "marker", "blob file header"}
_CLAIMED_AS = {"blob file header": "secondary data header", "marker": "end marker"}


def sections_of(again: SmallDump) -> dict[str, tuple[int, int]]:
    """The sections of a file, without the table of blocks where it has none."""
    return {name: (section.offset, section.end) for name, section in again.file.sections.items()}


def assert_as_planned(composed: Composed, again: SmallDump) -> None:
    """Every piece lies where the plan says, and there is nothing else."""
    plan = composed.plan
    planned = {piece.name: (piece.offset, piece.end) for piece in plan.pieces}
    for name, (start, end) in sections_of(again).items():
        assert planned[name][0] == start, name
        assert end <= (planned[name][1] + 7 & ~7) or name in ("KPRCB", "EPROCESS", "ETHREAD", "unloaded drivers"), name
    parts = {name for name in planned if not name.startswith(("data block ", "blob "))} - WHOLE_NAMES
    assert parts - {"data block table"} == set(sections_of(again)) - {"data block table"}
    _assert_blocks_as_planned(composed, again)
    chain = walk_blobs(again.file.data, plan.size_of_dump)
    assert [(blob.header_offset, blob.tag) for blob in chain.blobs] == [
        (piece.offset, piece.detail) for piece in plan.pieces if piece.name.startswith("blob ") and piece.detail
    ]
    assert not chain.blobs or chain.end == plan.size


def _assert_blocks_as_planned(composed: Composed, again: SmallDump) -> None:
    blocks = composed.contents.blocks
    assert [(block.address, block.size) for block in again.data_blocks] == [
        (block.address, len(block.data)) for block in blocks
    ]
    own = [index for index, block in enumerate(blocks) if not block.alias]
    for index in own:
        piece = composed.plan.find(f"data block {index}")
        assert piece is not None
        assert (again.data_blocks[index].offset, again.data_blocks[index].size) == (piece.offset, piece.size)
    for before, after in pairwise(own):  # packed
        assert again.data_blocks[before].offset + again.data_blocks[before].size == again.data_blocks[after].offset


def assert_every_byte_explained(composed: Composed, again: SmallDump) -> None:
    """No byte that nothing claims, and none claimed twice but by blocks that share those of a section."""
    layout = file_layout(again.file)
    assert [piece for piece in layout.unclaimed if piece.content is not Content.ZEROS] == []
    assert sum(piece.end - piece.start for piece in layout.unclaimed) < 8 * len(composed.plan.pieces)
    aliases = [f"data block {index}" for index, block in enumerate(composed.contents.blocks) if block.alias]
    assert [overlap.claim.name for overlap in layout.overlaps] == aliases


def check_file(machine: Snapshot, profile: Profile, size: int | None = None) -> None:
    composed = compose(machine, profile=profile, size=size)
    again = read_again(composed.data())
    assert_as_planned(composed, again)
    assert_every_byte_explained(composed, again)
    for piece in composed.plan.pieces:
        named_so = piece.name.startswith(("data block ", "blob ")) and piece.name != "data block table"
        assert piece.offset % 8 == 0 or named_so or piece.name in ("marker", "blob file header"), piece.name


@every_profile
@every_dump
def test_synthetic_dumps(dump: Dump, profile: Profile) -> None:
    check_file(read_again(dump.bytes), profile)


@settings(max_examples=50)
@given(builders())
def test_generated_machines(builder: SnapshotBuilder) -> None:
    for profile in (CLASSIC, MODERN):
        check_file(builder.build(), profile)


@every_dump
def test_pieces_follow_each_other(dump: Dump) -> None:
    plan = compose(read_again(dump.bytes), profile=MODERN).plan
    assert plan.pieces[0].offset == 0
    for piece, following in pairwise(plan.pieces):
        assert piece.end <= following.offset < piece.end + 8
    assert plan.pieces[-1].end == plan.size
    assert len({piece.name for piece in plan.pieces}) == len(plan.pieces)


def test_the_order_is_that_of_dbgeng() -> None:
    names = [piece.name for piece in compose(read_again(x64_dump().bytes), profile=MODERN).plan.pieces]
    order = "dump header,triage header,MM block,unloaded drivers,KPRCB,EPROCESS,ETHREAD,call stack,debugger data block"
    order += ",driver list,string pool,data block table"
    assert names[: order.count(",") + 1] == order.split(",")


def test_a_plan_finds_its_pieces() -> None:
    plan = compose(SnapshotBuilder().build()).plan
    kprcb = plan.find("KPRCB")
    assert kprcb is not None
    assert (kprcb.size, kprcb.end) == (0xAF00, kprcb.offset + 0xAF00)
    assert plan.find("data page") is None


def test_owners_are_named() -> None:
    dump = DUMPS["x64"]
    source = read_again(dump.bytes)
    details = [piece.detail for piece in compose(source, profile=MODERN).plan.pieces]
    owners = {request.component for request in source.requests}
    assert owners
    assert any(detail.endswith(f", {owner}") for owner in owners for detail in details)


def test_size_of_is_that_of_the_smallest_plan() -> None:
    contents = compose(read_again(x64_dump().bytes), profile=MODERN).contents
    needed = size_of(contents)
    assert place(contents).size == place(contents, needed).size == needed
    assert place(contents, needed + 100).marker == place(contents).marker + 100
    with pytest.raises(BudgetTooSmall) as caught:
        place(contents, needed - 1)
    assert (caught.value.needed, caught.value.budget) == (needed, needed - 1)


@pytest.mark.parametrize(("text", "size"), [("", 8), ("a", 8), ("ab", 16), ("a.sys", 16), ("ä", 8), ("😀", 16)])
def test_size_of_a_string(text: str, size: int) -> None:
    assert string_size(text) == size


def test_a_machine_of_nothing_but_headers_has_few_pieces() -> None:
    bare = SnapshotBuilder(
        stack=(0x1000, b""),
        structures=dict.fromkeys(["KPRCB", "EPROCESS", "ETHREAD", "KDDEBUGGER_DATA64"], b""),
        unloaded_modules=None,
    ).build()
    bare.modules = type(bare.modules)()
    assert isinstance(bare.stack, Absent)
    names = [piece.name for piece in compose(bare).plan.pieces]
    assert names == ["dump header", "triage header", "MM block", "marker"]


@pytest.mark.parametrize(("machine", "header"), [(X86, 0x1000), (X64, 0x2000)])
def test_headers_are_as_large_as_their_machine_wants(machine: object, header: int) -> None:
    plan = compose(SnapshotBuilder(machine=machine, build_number=7601).build()).plan  # type: ignore[arg-type]
    triage = plan.find("triage header")
    assert triage is not None
    assert triage.offset == header
