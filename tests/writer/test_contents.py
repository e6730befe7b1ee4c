"""Contents: blocks that never overlap, and what a profile leaves out."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from smalldump.model import Snapshot
from smalldump.model.machine import X86
from smalldump.model.requests import RangeRequest, Rank
from smalldump.sources.builder import SnapshotBuilder
from smalldump.writer import CLASSIC, MODERN, Contents, contents_of
from tests.writer.machines import builders

BASE = 0x100000
STACK = 0xFFFFF80004000000
MACHINE = SnapshotBuilder(
    memory={BASE: bytes(range(256)) * 4, BASE + 0x600: b"x" * 0x100}, stack=(STACK, b"s" * 0x100)
).build()


def contents(requests: Sequence[RangeRequest], machine: Snapshot = MACHINE) -> Contents:
    return contents_of(machine, requests, (), MODERN)


def request(address: int, size: int, rank: Rank = Rank.OTHER, why: str = "") -> RangeRequest:
    return RangeRequest(address, size, why or rank.words, rank=rank)


def ranges(found: Contents) -> list[tuple[int, int, str]]:
    return [(block.address, len(block.data), block.why) for block in found.blocks]


def test_the_more_needed_range_wins() -> None:
    found = contents([request(BASE, 0x300), request(BASE + 0x100, 0x100, Rank.BUG_CHECK)])
    assert ranges(found) == [
        (BASE, 0x100, "other"),
        (BASE + 0x100, 0x100, "bug check"),
        (BASE + 0x200, 0x100, "other"),
    ]


def test_gaps_split_a_range() -> None:
    found = contents([request(BASE + 0x300, 0x500)])
    assert ranges(found) == [(BASE + 0x300, 0x100, "other"), (BASE + 0x600, 0x100, "other")]
    assert contents([request(0x1000, 0x100)]).blocks == ()


def test_the_saved_stack_is_not_written_again() -> None:
    assert contents([request(STACK + 0x20, 0x20)]).blocks == ()
    group = contents([request(STACK + 0x20, 0x20, Rank.PROCESSOR_GROUP)])
    assert ranges(group) == [(STACK + 0x20, 0x20, "processor group")]


def test_a_stack_that_the_profile_cuts_is_lost_beyond() -> None:
    machine = SnapshotBuilder(machine=X86, build_number=7601, stack=(0x84000000, bytes(0x5000))).build()
    found = contents_of(machine, [request(0x84000000, 0x5000)], (), CLASSIC)
    assert found.blocks == ()
    assert len(found.stack) == 0x4000


REQUESTS = st.lists(
    st.builds(request, st.integers(BASE - 0x20, BASE + 0x720), st.integers(0, 0x500), st.sampled_from(Rank)),
    max_size=12,
)


@given(REQUESTS)
def test_blocks_cover_what_was_asked_for_once(requests: list[RangeRequest]) -> None:
    found = contents(requests).blocks
    covered = [at for block in found for at in range(block.address, block.address + len(block.data))]
    asked = {at for each in requests for at in range(each.address, each.end)}
    assert len(covered) == len(set(covered))
    assert set(covered) == {at for at in asked if at in MACHINE.memory}
    for block in found:
        assert block.data == MACHINE.memory.read(block.address, len(block.data))
        assert block.rank == min(each.rank for each in requests if each.address <= block.address < each.end)


@given(builders())
def test_classic_never_holds_more_than_modern(builder: SnapshotBuilder) -> None:
    machine = builder.build()
    classic, modern = (contents_of(machine, (), machine.blobs, profile) for profile in (CLASSIC, MODERN))
    assert len(classic.stack) <= len(modern.stack)
    assert set(classic.header) <= set(modern.header)
    assert modern.left_out == () or modern.left_out[0][0].startswith("outermost")
