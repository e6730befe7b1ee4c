"""Objects that parameters point to, each in memory of its own at literal offsets."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.analysis import analyse
from smalldump.analysis.objects import READERS, Scene, StopObject
from smalldump.model import BugCheck
from smalldump.sources.builder import SnapshotBuilder
from tests.analysis.buckets import DRIVER, STACK, built
from tests.synth.io_objects import placed

AT, NEXT, LAST = 0xFFFFC00000001000, 0xFFFFC00000002000, 0xFFFFC00000003000


def scene(memory: Mapping[int, bytes]) -> Scene:
    return Scene(built(0x19, (0, 0, 0, 0), "drv.sys", memory=memory))


def read(kind: str, memory: Mapping[int, bytes], at: int = AT) -> StopObject:
    found = READERS[kind](scene(memory), at)
    assert found is not None
    return found


def facts(found: StopObject) -> dict[str, str]:
    return dict(found.facts)


def header(previous: int, size: int, tag: bytes) -> bytes:
    return struct.pack("<BBBB4sQ", previous, 0, size, 2, tag, 0)


def test_pool_block_has_a_tag_an_owner_and_neighbours() -> None:
    found = read("pool_block", {AT: header(0, 4, b"Ntfr") + bytes(0x30) + header(5, 2, b"Zq\1w")}, AT + 0x10)
    assert (found.kind, found.address, found.driver) == ("pool_header", AT, "ntfs.sys")
    assert facts(found)["tag is used by"] == "ntfs.sys (NTFS file system)"
    assert facts(found)["size"] == "0x40 bytes"
    if found.children:
        assert facts(found)["contradiction"] == "the block behind it gives 0x50 bytes as its size"
        assert facts(found.children[0])["tag"] == "Zq.w"
        assert found.children[0].missing is not None


def test_power_triage_block() -> None:
    block = placed(0x20, (0, "H", 0x8000), (2, "H", 1), (8, "Q", NEXT), (0x10, "Q", LAST), (0x18, "Q", LAST))
    found = read("triage_9f_power", {AT: block, NEXT: bytes(16)})
    assert facts(found)["IRP list"] == f"{NEXT:#x}"
    assert found.missing == "Not in the dump: thread list, queue."


def test_dpc_watchdog_block() -> None:
    found = read("dpc_watchdog_global_triage_block", {AT: struct.pack("<IHHHHI", 0xAEBECEDE, 1, 16, 0x84C0, 0, 0x100)})
    assert facts(found)["profile"] == "at 0x84c0 of the processor's block, 0x100 long"
    wrong = read("dpc_watchdog_global_triage_block", {AT: bytes(16)})
    assert wrong.missing == f"The block at {AT:#x} does not have its signature: 0x0."


def test_exception_is_told_in_words() -> None:
    record = placed(
        0x98, (0, "I", 0xC0000005), (0x10, "Q", DRIVER + 0x10), (0x18, "I", 2), (0x20, "Q", 1), (0x28, "Q", 0x38)
    )
    found = read("exception_record", {AT: record})
    assert facts(found)["exception"].endswith(": write to 0x38")
    assert facts(found)["at"] == f"{DRIVER + 0x10:#x} (drv+0x10)"
    assert found.driver == "drv"


def test_exceptions_chained_in_a_ring_end() -> None:
    record = placed(0x98, (0, "I", 0x80000003), (8, "Q", AT))
    assert read("exception_record", {AT: record}).children == ()


def test_trap_frame_tells_where() -> None:
    found = read("trap_frame", {AT: placed(0x190, (0x168, "Q", DRIVER + 5), (0x180, "Q", STACK))})
    assert facts(found) == {"instruction": f"{DRIVER + 5:#x} (drv+0x5)", "stack pointer": f"{STACK:#x}"}


def test_list_entry_tells_which_link_disagrees() -> None:
    memory = {
        AT: struct.pack("<QQ", NEXT, LAST),
        NEXT: struct.pack("<QQ", LAST, AT),
        LAST: struct.pack("<QQ", NEXT, AT),
    }
    found = read("list_entry", memory)
    assert facts(found)["Flink->Blink"] == "agrees"
    assert facts(found)["Blink->Flink"] == f"{NEXT:#x}, which is not the entry"
    lost = read("list_entry", {AT: struct.pack("<QQ", NEXT, LAST)})
    assert lost.missing == "Where Flink and Blink lead is not in the dump."


def test_fast_fail_of_a_list_finds_the_entry_in_a_register() -> None:
    memory = {
        AT: struct.pack("<QQ", NEXT, LAST),
        NEXT: struct.pack("<QQ", LAST, AT),
        LAST: struct.pack("<QQ", NEXT, AT),
    }
    registers = {"rip": DRIVER, "rsp": STACK, "rax": AT}
    stop = BugCheck(0x139, (3, 0, 0, 0))
    objects = analyse(SnapshotBuilder(bug_check=stop, registers=registers, memory=memory).build()).objects
    assert [facts(each)["register"] for each in objects] == ["rax"]


@pytest.mark.parametrize("kind", sorted(READERS))
def test_what_the_dump_lacks_is_named(kind: str) -> None:
    found = READERS[kind](scene({}), AT)
    assert found is not None
    assert found.missing
    assert found.facts == ()


@pytest.mark.parametrize("kind", sorted(READERS))
@given(noise=st.binary(min_size=0x200, max_size=0x200))
def test_noise_is_read_without_harm(kind: str, noise: bytes) -> None:
    found = READERS[kind](scene({AT: noise}), AT)
    assert found is not None
    assert found.facts or found.missing
