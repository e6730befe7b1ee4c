"""What should go into a small dump, why, and in which rank."""

from __future__ import annotations

from smalldump.collect import Collection, Failure, collect
from smalldump.layout.requests import TRIAGEDUMP_DATA, request_record
from smalldump.model import Blob, BugCheck, Snapshot
from smalldump.model.machine import X86
from smalldump.model.requests import Contribution, RangeRequest, Rank
from smalldump.sources.builder import SnapshotBuilder, driver
from smalldump.sources.small import SmallDump
from tests.synth import x64_dump

KERNEL = 0xFFFFF80000400000
STACK = 0xFFFFF80004000000


def of_rank(found: Collection, rank: Rank) -> list[RangeRequest]:
    return [request for request in found.requests if request.rank is rank]


def test_mandatory_ranges() -> None:
    machine = SnapshotBuilder(build_lab="19041.1.x", prcb_registers={"rip": KERNEL + 0x5000, "rsp": STACK}).build()
    asked = {(r.why, r.address, r.size) for r in of_rank(collect(machine), Rank.MANDATORY)}
    assert asked == {
        ("NtBuildLab", KERNEL + 0x201200, 0x100),
        ("code at the program counter", KERNEL + 0x1000, 0x10),
        ("code at the program counter", KERNEL + 0x5000, 0x10),
    }


def test_bug_check_pages_are_those_of_kernel_addresses() -> None:
    stop = BugCheck(0xD1, (0x28, 0xFFFFF80012345678, 0x7FFF0000, 0xFFFFFFFFFFFFFFFF))
    found = of_rank(collect(SnapshotBuilder(bug_check=stop).build()), Rank.BUG_CHECK)
    assert [(r.why, r.address, r.size) for r in found] == [
        ("page of parameter 2", 0xFFFFF80012345000, 0x1000),
        ("page of parameter 4", 0xFFFFFFFFFFFFF000, 0x1000),
    ]


def test_register_pages() -> None:
    registers = {"rbx": 0xFFFFF80012345678, "rsi": 0x12345, "r8": 0xFFFFFFFFFFFFFFFF}
    found = of_rank(collect(SnapshotBuilder(registers=registers).build()), Rank.REGISTER_PAGE)
    pages = {r.why: r.address for r in found}
    assert pages["page of rbx"] == 0xFFFFF80012345000
    assert not {"page of rsi", "page of r8"} & set(pages)


def test_what_the_caller_wants() -> None:
    wanted = RangeRequest(KERNEL, 0x10, "--page", rank=Rank.USER)
    assert of_rank(collect(SnapshotBuilder().build(), [wanted]), Rank.USER) == [wanted]


def test_components_of_the_source_keep_their_names() -> None:
    data = request_record("IoTriageDumpData", [(KERNEL, 8), (KERNEL + 64, 16)]) + request_record("b", [(STACK, 4)])
    machine = SnapshotBuilder(blobs=[Blob(TRIAGEDUMP_DATA, memoryview(data), 0)]).build()
    found = of_rank(collect(machine), Rank.COMPONENT)
    assert [(r.owner, r.address, r.size) for r in found] == [
        ("IoTriageDumpData", KERNEL, 8),
        ("IoTriageDumpData", KERNEL + 64, 16),
        ("b", STACK, 4),
    ]


def test_contributors_add_requests_and_blobs_behind_those_of_the_machine() -> None:
    class Contributor:
        name = "wobble"

        def contribute(self, machine: Snapshot) -> Contribution:
            blob = Blob("0f4a1d9e-5b7c-4f0e-9a8b-112233445566", memoryview(b"new"), 0)
            return Contribution([RangeRequest(KERNEL, 4, "state")], [blob])

    old = Blob("1f4a1d9e-5b7c-4f0e-9a8b-112233445566", memoryview(b"old"), 0)
    failure = Failure("lost", "gone")
    found = collect(SnapshotBuilder(blobs=[old]).build(), contributors=[failure, Contributor()])
    assert [bytes(blob.data) for blob in found.blobs] == [b"old", b"new"]
    assert [r.owner for r in of_rank(found, Rank.COMPONENT)] == ["wobble"]
    assert found.failures == (failure,)


def test_memory_of_the_source_comes_last() -> None:
    machine = SnapshotBuilder(memory={0x1000: b"abc"}).build()
    last = collect(machine).requests[-3:]
    assert RangeRequest(0x1000, 3, "in the source", rank=Rank.OTHER) in last


def test_requests_come_by_rank() -> None:
    machine = SmallDump(memoryview(x64_dump().bytes))
    ranks = [request.rank for request in collect(machine).requests]
    assert ranks == sorted(ranks)
    assert {Rank.MANDATORY, Rank.PROCESSOR_GROUP, Rank.CODE, Rank.REGISTER_PAGE, Rank.OTHER} <= set(ranks)


def test_drivers_on_the_stack() -> None:
    dump = x64_dump()
    found = collect(SmallDump(memoryview(dump.bytes)))
    bases = {each.name: each.base for each in dump.facts.drivers}
    assert {bases["ntoskrnl.exe"], bases["wobblefs.sys"]} <= found.drivers
    code = {request.address for request in of_rank(found, Rank.CODE)}
    assert {address for address in code if bases["wobblefs.sys"] <= address < bases["wobblefs.sys"] + 0x100000}


def test_frames_outside_of_drivers_ask_for_nothing() -> None:
    machine = SnapshotBuilder(machine=X86, build_number=7601, modules=[driver("a.sys", 0x90000000, 0x1000)]).build()
    found = collect(machine)
    assert not of_rank(found, Rank.CODE) or all(0x90000000 <= r.address < 0x90001000 for r in of_rank(found, Rank.CODE))
    assert found.drivers <= {0x90000000}


def test_ranks_have_words() -> None:
    assert [rank.words for rank in (Rank.BUG_CHECK, Rank.OTHER)] == ["bug check", "other"]
