"""The bytes of a small dump, field by field."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import pytest

from smalldump.checking import check
from smalldump.compose import compose
from smalldump.errors import UnsupportedFormat
from smalldump.layout.dump import DumpHeader32, DumpHeader64
from smalldump.layout.triage import TriageDump32, TriageDump64
from smalldump.model import Absent, Blob, BugCheck, PhysicalMemory, UnloadedModule
from smalldump.model.machine import X86
from smalldump.sources.builder import SnapshotBuilder, driver
from smalldump.sources.small import SmallDump
from smalldump.writer import CLASSIC, MODERN, Profile
from tests.synth import filetime, kernel_written_dump, x64_dump, x86_dump
from tests.writer.facts import read_again

BLOB = Blob("0f4a1d9e-5b7c-4f0e-9a8b-112233445566", memoryview(b"thirteen byte"), 0)
X86_MACHINE = SnapshotBuilder(machine=X86, build_number=7601)


def written(builder: SnapshotBuilder, profile: Profile = MODERN, size: int | None = None) -> bytes:
    return compose(builder.build(), profile=profile, size=size).data()


# Sizes


@pytest.mark.parametrize("build", [2195, 2600, 3790, 7601])
def test_classic_without_blobs_ends_with_the_marker(build: int) -> None:
    data = written(X86_MACHINE.with_(build_number=build), CLASSIC)
    assert len(data) == 65_536
    assert data[0xFFFC:] == b"TRGD"
    triage = TriageDump32(data, 0x1000)
    assert (triage.valid_offset, triage.size_of_dump) == (0xFFFC, 0x10000)
    assert data.count(b"TRGD") == 1


@pytest.mark.parametrize("build", [2600, 3790, 7601])
def test_classic_with_blobs_ends_with_the_last_of_them(build: int) -> None:
    data = written(X86_MACHINE.with_(build_number=build, blobs=[BLOB]), CLASSIC)
    assert len(data) == 65_536
    triage = TriageDump32(data, 0x1000)
    assert triage.size_of_dump == 65_536 - 0x10 - 0x30
    assert data[triage.valid_offset :][:12] == b"TRGDDumpBlob"
    assert data[-0x10:] == b"thirteen byte\0\0\0"
    blob = data[-0x30:]
    assert struct.unpack_from("<I", blob)[0] == 0x20
    assert struct.unpack_from("<III", blob, 0x14) == (13, 0, 3)


def test_windows_2000_holds_what_it_did() -> None:
    builder = X86_MACHINE.with_(
        build_number=2195,
        blobs=[BLOB],
        unloaded_modules=[UnloadedModule("old.sys", 0x90000000, 0x90001000, False)],
        memory={0x90000000: b"abc"},
        data_page=(0x90002000, bytes(16)),
    )
    again = read_again(written(builder, CLASSIC))
    assert again.unloaded_modules is again.debugger_data is Absent.NOT_CAPTURED
    assert (list(again.data_blocks), again.data_page, list(again.blobs)) == ([], Absent.NOT_CAPTURED, [])
    assert again.system.product_type is again.system.suite_mask is Absent.NOT_CAPTURED
    assert again.file.header.mini_dump_fields == 0x0FF
    assert [module.file for module in again.modules] == ["ntoskrnl.exe"]
    assert not isinstance(again.stack, Absent)


def test_windows_xp_adds_lists_and_server_2003_the_product() -> None:
    extra = {"blobs": [BLOB], "unloaded_modules": [], "memory": {0x90000000: b"abc"}, "suite_mask": 0x110}
    xp = read_again(written(X86_MACHINE.with_(build_number=2600, **extra), CLASSIC))
    server = read_again(written(X86_MACHINE.with_(build_number=3790, **extra), CLASSIC))
    for again in (xp, server):
        assert again.unloaded_modules == ()
        assert not isinstance(again.debugger_data, Absent)
        assert again.memory.read(0x90000000, 3) == b"abc"
        assert len(again.blobs) == 1
        assert again.file.header.mini_dump_fields == 0xCFF
    assert (xp.system.product_type, server.system.product_type) == (Absent.NOT_CAPTURED, 1)
    assert (xp.system.suite_mask, server.system.suite_mask) == (Absent.NOT_CAPTURED, 0x110)


def test_the_topmost_16_kb_of_stack_at_most() -> None:
    window = b"".join(number.to_bytes(4, "little") for number in range(0x1800))
    data = written(X86_MACHINE.with_(stack=(0x84000000, window)), CLASSIC)
    triage = TriageDump32(data, 0x1000)
    assert (triage.top_of_stack, triage.size_of_call_stack) == (0x84000000, 0x4000)
    assert data[triage.call_stack_offset :][:0x4000] == window[:0x4000]


def test_x64_keeps_32_kb_of_stack() -> None:
    data = written(SnapshotBuilder(stack=(0xFFFFF80004000000, bytes(0x9000))))
    assert TriageDump64(data, 0x2000).size_of_call_stack == 0x8000


# The style of dbgeng


def test_header_of_a_kernel_written_dump_becomes_dbgengs() -> None:
    source = SmallDump(memoryview(kernel_written_dump().bytes))
    data = compose(source, profile=MODERN).data()
    again = read_again(data)
    header, triage = DumpHeader64(data), TriageDump64(data, 0x2000)
    assert (source.dump.writer, again.dump.writer) == ("kernel", "dbgeng")
    assert source.dump.attributes == 0x8
    assert again.dump.attributes is Absent.NOT_CAPTURED
    assert triage.triage_options == 0xFFFFFFFF
    assert (header.mini_dump_fields, header.writer_status, header.kd_secondary_version) == (0xCFF, 0, 0)
    assert header.version_user == b"PAGE" * 8
    assert header.required_dump_space == len(data)
    assert header.context_record[0x4D0:] == bytes(3000 - 0x4D0)
    assert (triage.context_offset, triage.exception_offset) == (0x348, 0xF00)
    names = [piece.name for piece in compose(source, profile=MODERN).plan.pieces[2:7]]
    assert names == ["MM block", "unloaded drivers", "KPRCB", "EPROCESS", "ETHREAD"]
    # Facts are kept, even where dbgeng itself would not have them.
    assert again.dump.physical_memory == source.dump.physical_memory
    assert not isinstance(again.dump.physical_memory, Absent)
    assert header.pfn_data_base == source.file.header.pfn_data_base


def test_stale_bytes_behind_a_kernel_written_dump_are_left_behind() -> None:
    source = kernel_written_dump()
    assert "stale-tail" in {finding.code for finding in check(memoryview(source.bytes)).findings}
    data = compose(SmallDump(memoryview(source.bytes)), profile=MODERN).data()
    codes = {finding.code for finding in check(memoryview(data)).findings}
    assert codes == {"drivers-paged-out"}


def test_unwritten_fields_keep_the_fill() -> None:
    builder = X86_MACHINE.with_(time=None, uptime=None, product_type=None, suite_mask=None, attributes=None)
    header = DumpHeader32(written(builder))
    assert header.version_user == b"PAGE" * 8
    assert (header.system_time, header.system_up_time) == (0x4547415045474150,) * 2
    assert (header.product_type, header.suite_mask, header.attributes, header.boot_id) == (0x45474150,) * 4
    assert header.comment == b"PAGE" * 32
    assert header.physical_memory_block == b"PAGE" * 175


def test_facts_of_the_header() -> None:
    builder = SnapshotBuilder(
        bug_check=BugCheck(0x1000007E, (0xFFFFFFFFC0000005, 1, 2, 3)),
        time=datetime(2026, 11, 22, 7, 55, 1, 250_000, tzinfo=UTC),
        uptime=timedelta(hours=3),
        comment="made for a test",
        boot_id=7,
        processors=12,
        checked=True,
        attributes=0x1F,
        header={"directory_table_base": 0x1AD000, "pfn_data_base": 0x77},
    )
    header = DumpHeader64(written(builder))
    assert header.signature + header.valid_dump == b"PAGEDU64"
    assert (header.major_version, header.minor_version, header.dump_type) == (0xC, 19041, 4)
    assert (header.bug_check_code, header.bug_check_parameter1, header.bug_check_parameter4) == (
        0x1000007E,
        0xFFFFFFFFC0000005,
        3,
    )
    assert header.system_time == filetime("2026-11-22 07:55:01.250")
    assert header.system_up_time == 3 * 36_000_000_000
    assert header.comment[:16] == b"made for a test\0"
    assert header.comment[16:] == (b"PAGE" * 32)[16:]
    assert (header.boot_id, header.number_processors) == (7, 12)
    assert header.attributes == 0x13  # without what says how another file was written
    assert (header.directory_table_base, header.pfn_data_base) == (0x1AD000, 0x77)


def test_all_runs_of_physical_memory_that_there_is_room_for() -> None:
    runs = tuple((0x1000 * number, 0x100000001) for number in range(43))
    memory = PhysicalMemory(43 * 0x100000001, runs)
    again = read_again(written(SnapshotBuilder(physical_memory=memory)))
    assert again.dump.physical_memory == memory
    runs32 = tuple((0x1000 * number, 0xFFF) for number in range(86))
    again = read_again(written(X86_MACHINE.with_(physical_memory=PhysicalMemory(86 * 0xFFF, runs32))))
    assert again.dump.physical_memory == PhysicalMemory(86 * 0xFFF, runs32)


def test_more_runs_than_there_is_room_for_are_not_written() -> None:
    machine = SnapshotBuilder().build()
    assert not isinstance(machine.dump, Absent)
    machine.dump = machine.dump._replace(physical_memory=PhysicalMemory(44, tuple((n, 1) for n in range(44))))
    assert read_again(compose(machine).data()).dump.physical_memory is Absent.NOT_CAPTURED


# 32 bits


def test_addresses_of_32_bit_blocks_are_sign_extended() -> None:
    data = written(X86_MACHINE.with_(memory={0x90000000: b"abc", 0x7FFE0000: b"user"}))
    triage = TriageDump32(data, 0x1000)
    table = data[triage.data_blocks_offset :][: 16 * triage.data_blocks_count]
    addresses = {address for address, _, _ in struct.iter_unpack("<QII", table)}
    assert {0xFFFFFFFF90000000, 0x7FFE0000} <= addresses
    assert all(address < 1 << 31 or address >> 31 == 0x1FFFFFFFF for address in addresses)


def test_the_processor_array_has_entries_of_4_bytes() -> None:
    again = read_again(written(X86_MACHINE.with_(processors=3)))
    assert not isinstance(again.debugger_data, Absent)
    array = again.debugger_data["ki_processor_block"]
    assert again.memory.read(array, 12) == (0x82000000).to_bytes(4, "little") * 3
    assert array + 12 not in again.memory


# Lists


def test_drivers_and_their_names() -> None:
    modules = [
        driver(r"\SystemRoot\system32\ntoskrnl.exe", 0xFFFFF80000400000, 0x800000, 0x11, 0x22),
        driver("paged.sys", 0xFFFFF80010000000, 0x1000),
        driver("ünïcode.sys", 0xFFFFF80020000000, 0x2000, 0x33, 0x44),
    ]
    data = written(SnapshotBuilder(modules=modules, broken_driver="wobble.sys"))
    again = read_again(data)
    assert list(again.modules) == modules
    assert again.broken_driver == "wobble.sys"
    triage = TriageDump64(data, 0x2000)
    assert (triage.driver_count, triage.string_pool_offset % 8, triage.string_pool_size % 8) == (3, 0, 0)
    first = data[triage.string_pool_offset :]
    assert first[:4] == (33).to_bytes(4, "little")
    assert first[4 : 4 + 68] == "\\SystemRoot\\system32\\ntoskrnl.exe\0".encode("utf-16-le")


@pytest.mark.parametrize("name", ["a.sys", "exactly12.sy", "dump_storport", "émulé.sys", "mixed_😀_ab", "😀😀😀😀😀😀"])
def test_names_of_unloaded_drivers(name: str) -> None:
    units = len(name.encode("utf-16-le")) // 2
    unloaded = UnloadedModule(name, 0xFFFFF80010000000, 0xFFFFF80010001000, units >= 12)
    again = read_again(written(SnapshotBuilder(unloaded_modules=[unloaded])))
    assert not isinstance(again.unloaded_modules, Absent)
    assert again.unloaded_modules[0].name == name[:12]


def test_no_unloaded_drivers_are_a_list_too() -> None:
    assert read_again(written(SnapshotBuilder(unloaded_modules=[]))).unloaded_modules == ()
    assert read_again(written(SnapshotBuilder(unloaded_modules=None))).unloaded_modules is Absent.NOT_CAPTURED


def test_a_data_page() -> None:
    page = bytes(range(256)) * 16
    again = read_again(written(X86_MACHINE.with_(build_number=2600, data_page=(0x91234000, page)), CLASSIC))
    assert not isinstance(again.data_page, Absent)
    assert (again.data_page.address, again.data_page.size) == (0x91234000, 0x1000)
    assert again.memory.read(0x91234000, 0x1000) == page


def test_service_pack() -> None:
    assert TriageDump32(written(X86_MACHINE.with_(service_pack=3)), 0x1000).service_pack_build == 0x300


def test_blobs_are_padded_to_8_from_their_start_and_fillers_are_dropped() -> None:
    filler = Blob("00000000-0000-0000-0000-000000000000", memoryview(b""), 0)
    empty = Blob("1f4a1d9e-5b7c-4f0e-9a8b-112233445566", memoryview(b""), 0)
    data = written(SnapshotBuilder(blobs=[BLOB, filler, empty]))
    triage = TriageDump64(data, 0x2000)
    area = data[triage.size_of_dump :]
    assert struct.unpack_from("<8sII", area) == (b"DumpBlob", 0x10, 0xF0000000 | 19041)
    assert len(area) == 0x10 + 0x30 + 0x20
    assert [(blob.guid, bytes(blob.data)) for blob in read_again(data).blobs] == [
        (BLOB.guid, b"thirteen byte"),
        (empty.guid, b""),
    ]


# Machines


def test_the_same_machine_gives_the_same_bytes() -> None:
    for dump in (x64_dump(), x86_dump(), kernel_written_dump()):
        files = {compose(SmallDump(memoryview(dump.bytes)), size=100_000).data() for _ in range(3)}
        assert len(files) == 1


def test_other_machines_cannot_be_written() -> None:
    machine = SmallDump(memoryview(x64_dump().patch("DUMP_HEADER.MachineImageType", 0x200).bytes))
    with pytest.raises(UnsupportedFormat, match="small dumps of this machine cannot be written"):
        compose(machine)
