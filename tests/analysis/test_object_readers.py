"""Objects that parameters point to, each in memory of its own at literal offsets."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.analysis import analyse
from smalldump.analysis.objects import FAMILIES, Reader, Scene, StopObject, reader_of
from smalldump.model import BugCheck
from smalldump.model.machine import X86
from smalldump.sources.builder import SnapshotBuilder
from smalldump.sources.detect import open_snapshot
from tests.analysis.buckets import DRIVER, STACK, built
from tests.synth.io_objects import placed

AT, NEXT, LAST = 0xFFFFC00000001000, 0xFFFFC00000002000, 0xFFFFC00000003000


def scene(memory: Mapping[int, bytes]) -> Scene:
    return Scene(built(0x19, (0, 0, 0, 0), "drv.sys", memory=memory))


def reader(kind: str) -> Reader:
    found = reader_of(kind)
    assert found is not None
    return found


def read(kind: str, memory: Mapping[int, bytes], at: int = AT) -> StopObject:
    found = reader(kind)(scene(memory), at)
    assert found is not None
    return found


def facts(found: StopObject) -> dict[str, str]:
    return dict(found.facts)


def header(previous: int, size: int, tag: bytes) -> bytes:
    return struct.pack("<BBBB4sQ", previous, 0, size, 2, tag, 0)


def test_pool_block_has_a_tag_an_owner_and_neighbours() -> None:
    memory = {AT: header(0, 4, b"Ntfr") + bytes(0x30) + header(5, 2, b"Zq\1w")}
    old = SnapshotBuilder(build_number=9600, bug_check=BugCheck(0x19, (0, 0, 0, 0)), memory=memory).build()
    found = reader("pool_block")(Scene(old), AT + 0x10)
    assert found is not None
    assert (found.kind, found.address, found.driver) == ("pool_header", AT, "ntfs.sys")
    assert facts(found)["tag is used by"] == "ntfs.sys (NTFS file system)"
    assert facts(found)["size"] == "0x40 bytes"
    assert facts(found)["contradiction"] == "the block behind it gives 0x50 bytes as its size"
    (behind,) = found.children
    assert (facts(behind)["neighbour"], facts(behind)["tag"], behind.address) == ("behind", "Zq.w", AT + 0x40)
    assert behind.missing is not None


def test_blocks_of_segment_heaps_have_no_neighbours() -> None:
    memory = {AT: header(0, 4, b"Ntfr") + bytes(0x30) + header(5, 2, b"Zq\1w")}
    new = SnapshotBuilder(build_number=19041, bug_check=BugCheck(0x19, (0, 0, 0, 0)), memory=memory).build()
    found = reader("pool_header")(Scene(new), AT)
    assert found is not None
    assert found.children == ()


def test_pool_header_of_32_bits() -> None:
    at = 0x85001000
    memory = {at: struct.pack("<HH4s", 3 | 1 << 9, 5 | 2 << 9, b"Afd\xc2")}
    narrow = SnapshotBuilder(
        machine=X86, build_number=7600, bug_check=BugCheck(0x19, (0, 0, 0, 0)), memory=memory
    ).build()
    found = reader("pool_block")(Scene(narrow), at + 8)
    assert found is not None
    told = facts(found)
    assert (told["tag"], told["size"], told["size of the block before"]) == ("AfdB", "0x28 bytes", "0x18 bytes")
    assert (told["pool type"], found.driver) == ("0x2", "afd.sys")


def test_real_watchdog_block_has_the_published_signature(samples: Path) -> None:
    dump = samples / "dumps" / "7434ec5f95c6.dmp"
    (block,) = analyse(open_snapshot(memoryview(dump.read_bytes()), dump.name)).objects
    assert (block.kind, block.parameter, block.missing) == ("dpc_watchdog_global_triage_block", 3, None)
    assert facts(block)["revision"] == "1"


def test_real_fast_fail_names_the_driver_that_overran_its_stack(samples: Path) -> None:
    dump = samples / "dumps" / "013b919e92ad.dmp"
    frame, record = analyse(open_snapshot(memoryview(dump.read_bytes()), dump.name)).objects
    assert (frame.kind, frame.driver) == ("trap_frame", "RTKVHD64")
    assert facts(record)["exception"] == "STATUS_STACK_BUFFER_OVERRUN"


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


def test_trap_in_the_kernel_of_32_bits_has_its_stack_behind_the_frame() -> None:
    at = 0x85001000
    frame = placed(0x8C, (0x68, "I", 0x80500000), (0x6C, "I", 8))
    narrow = SnapshotBuilder(machine=X86, bug_check=BugCheck(0x8E, (0, 0, at, 0)), memory={at: frame}).build()
    found = reader("trap_frame")(Scene(narrow), at)
    assert found is not None
    assert facts(found)["stack pointer"] == "0x85001074"


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


def test_each_kind_has_its_reader() -> None:
    for kind, family in FAMILIES.items():
        assert reader_of(kind) is family()[kind]
        assert FAMILIES.keys() >= family().keys()
    assert reader_of("nobody's") is None


def test_readers_are_imported_when_an_object_is_there() -> None:
    code = "import sys, smalldump.analysis; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "smalldump.analysis.objects" in loaded
    assert not [name for name in loaded if "_readers" in name or "hardware_objects" in name or ".cper" in name]


BY_ADDRESS = sorted(FAMILIES.keys() - {"machine_check"})  # which the parameters themselves tell


@pytest.mark.parametrize("kind", BY_ADDRESS)
def test_what_the_dump_lacks_is_named(kind: str) -> None:
    found = reader(kind)(scene({}), AT)
    assert found is not None
    assert found.missing
    assert found.facts == ()


@pytest.mark.parametrize("kind", BY_ADDRESS)
@given(noise=st.binary(min_size=0x200, max_size=0x200))
def test_noise_is_read_without_harm(kind: str, noise: bytes) -> None:
    found = reader(kind)(scene({AT: noise}), AT)
    assert found is not None
    assert found.facts or found.missing
