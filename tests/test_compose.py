"""From a machine to the bytes of its dump, with what components add to it."""

from __future__ import annotations

import pytest

from smalldump.collect import Failure
from smalldump.compose import compose
from smalldump.errors import BudgetTooSmall
from smalldump.layout.requests import TRIAGEDUMP_DATA
from smalldump.model import Blob, RequestedRange, Snapshot
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.model.requests import Contribution, RangeRequest, Rank
from smalldump.sources.builder import SnapshotBuilder
from smalldump.sources.small import SmallDump
from smalldump.writer import CLASSIC, MODERN, Profile
from tests.synth import x64_dump

GUID = "0f4a1d9e-5b7c-4f0e-9a8b-112233445566"
STATE = 0xFFFFF80010000000


class Wobble:
    """A component with memory and a blob of its own."""

    name = "wobble"

    def contribute(self, machine: Snapshot) -> Contribution:
        requests = [RangeRequest(STATE, 0x40, "state"), RangeRequest(0x1000, 8, "not there")]
        return Contribution(requests, [Blob(GUID, memoryview(b"wobbled"), 0)])


class Broken:
    """A component whose callback fails."""

    name = "broken"

    def contribute(self, machine: Snapshot) -> Contribution:
        raise RuntimeError("out of luck")


def read(data: bytes) -> SmallDump:
    return SmallDump(memoryview(data))


MACHINE = SnapshotBuilder(memory={STATE - 0x100: bytes(range(256)) * 2}).build()


@pytest.mark.parametrize(
    ("machine", "build", "profile", "size"),
    [(X86, 2600, CLASSIC, 65_536), (X64, 19041, MODERN, None), (ARM64, 22000, MODERN, None)],
)
def test_defaults(machine: Machine, build: int, profile: Profile, size: int | None) -> None:
    composed = compose(SnapshotBuilder(machine=machine, build_number=build).build())
    assert composed.profile is profile
    assert len(composed.data()) == composed.plan.size == (size or composed.plan.size)
    assert read(composed.data()).machine is machine


def test_a_size_of_ones_own_goes_before_the_profiles() -> None:
    machine = SnapshotBuilder(machine=X86, build_number=2600).build()
    assert len(compose(machine, profile=CLASSIC, size=80_000).data()) == 80_000
    with pytest.raises(BudgetTooSmall):
        compose(machine, size=0x1000)


def test_a_component_is_seen_by_the_reader() -> None:
    composed = compose(MACHINE, contributors=[Wobble()])
    again = read(composed.data())
    assert list(again.requests) == [RequestedRange("wobble", STATE, 0x40)]
    assert (again.blobs[0].guid, bytes(again.blobs[0].data)) == (GUID, b"wobbled")
    assert again.blobs[1].guid == TRIAGEDUMP_DATA
    assert again.memory.read(STATE, 0x40) == bytes(range(0x40))
    details = [piece.detail for piece in composed.plan.pieces]
    assert "state, wobble" in details


def test_components_of_the_source_are_still_seen() -> None:
    source = read(x64_dump().bytes)
    held = source.data_blocks[-1].address

    class Held(Wobble):
        def contribute(self, machine: Snapshot) -> Contribution:
            return Contribution([RangeRequest(held, 4, "state")])

    again = read(compose(source, contributors=[Held()]).data())
    assert list(again.requests) == [*source.requests, RequestedRange("wobble", held, 4)]
    assert len(source.requests) > 1
    assert len(again.blobs) == len(source.blobs)
    # Asked again, it is told once.
    assert list(read(compose(again, contributors=[Held()]).data()).requests) == list(again.requests)


def test_a_failing_component_costs_only_its_own_part() -> None:
    composed = compose(MACHINE, contributors=[Failure("lost", "ImportError: lost"), Broken(), Wobble()])
    assert composed.failures == (Failure("lost", "ImportError: lost"), Failure("broken", "RuntimeError: out of luck"))
    assert composed.data() == compose(MACHINE, contributors=[Wobble()]).data()


def test_where_nothing_of_a_component_fits_nothing_is_said_of_it() -> None:
    with pytest.raises(BudgetTooSmall) as caught:
        compose(MACHINE, size=0x1000, contributors=[Wobble()])
    composed = compose(MACHINE, size=caught.value.needed, contributors=[Wobble()])
    whats = {loss.what for loss in composed.dropped}
    assert {"1 block (component)", f"blob {GUID}", f"blob {TRIAGEDUMP_DATA}"} <= whats
    assert list(read(composed.data()).requests) == []


def test_pages_that_the_caller_wants() -> None:
    wanted = RangeRequest(STATE + 0x80, 0x20, "--page", rank=Rank.USER)
    composed = compose(MACHINE, pages=[wanted])
    assert ("--page", Rank.USER) in {(block.why, block.rank) for block in composed.contents.blocks}
    assert list(read(composed.data()).requests) == []


def test_composing_changes_nothing() -> None:
    first = compose(MACHINE, size=65_536)
    assert first.data() == first.data() == compose(MACHINE, size=65_536).data()
