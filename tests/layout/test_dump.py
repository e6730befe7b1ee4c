"""The dump headers against the tables of the format reference, §2.1 and §2.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.layout.dump import (
    FILL,
    SIGNATURE_32,
    SIGNATURE_64,
    Attributes,
    DumpHeader32,
    DumpHeader64,
    DumpType,
    MachineType,
    MemoryRun32,
    MemoryRun64,
    PhysicalMemoryDescriptor32,
    PhysicalMemoryDescriptor64,
    is_fill,
)
from smalldump.layout.record import Record
from tests.layout.second_source import declared, stated

_HEADER_64 = """
0 4 Signature, 4 4 ValidDump, 8 4 MajorVersion, c 4 MinorVersion, 10 8 DirectoryTableBase, 18 8 PfnDataBase,
20 8 PsLoadedModuleList, 28 8 PsActiveProcessHead, 30 4 MachineImageType, 34 4 NumberProcessors, 38 4 BugCheckCode,
40 8 BugCheckParameter1, 48 8 BugCheckParameter2, 50 8 BugCheckParameter3, 58 8 BugCheckParameter4, 60 20 VersionUser,
80 8 KdDebuggerDataBlock, 88 2bc PhysicalMemoryBlock, 348 bb8 ContextRecord, f00 98 Exception, f98 4 DumpType,
fa0 8 RequiredDumpSpace, fa8 8 SystemTime, fb0 80 Comment, 1030 8 SystemUpTime, 1038 4 MiniDumpFields,
103c 4 SecondaryDataState, 1040 4 ProductType, 1044 4 SuiteMask, 1048 4 WriterStatus, 104c 1 Unused1,
104d 1 KdSecondaryVersion, 104e 2 Unused, 1050 4 Attributes, 1054 4 BootId, 1058 fa8 reserved
"""
_HEADER_32 = """
0 4 Signature, 4 4 ValidDump, 8 4 MajorVersion, c 4 MinorVersion, 10 4 DirectoryTableBase, 14 4 PfnDataBase,
18 4 PsLoadedModuleList, 1c 4 PsActiveProcessHead, 20 4 MachineImageType, 24 4 NumberProcessors, 28 4 BugCheckCode,
2c 4 BugCheckParameter1, 30 4 BugCheckParameter2, 34 4 BugCheckParameter3, 38 4 BugCheckParameter4, 3c 20 VersionUser,
5c 1 PaeEnabled, 5d 1 KdSecondaryVersion, 5e 2 spare, 60 4 KdDebuggerDataBlock, 64 2bc PhysicalMemoryBlock,
320 4b0 ContextRecord, 7d0 50 Exception, 820 80 Comment, 8a0 4 Attributes, 8a4 4 BootId, 8a8 6e0 reserved0,
f88 4 DumpType, f8c 4 MiniDumpFields, f90 4 SecondaryDataState, f94 4 ProductType, f98 4 SuiteMask, f9c 4 WriterStatus,
fa0 8 RequiredDumpSpace, fa8 10 reserved2, fb8 8 SystemUpTime, fc0 8 SystemTime, fc8 38 reserved3
"""
_HEADERS = pytest.mark.parametrize("header", [DumpHeader64, DumpHeader32])


@pytest.mark.parametrize(
    ("record", "table", "size"), [(DumpHeader64, _HEADER_64, 0x2000), (DumpHeader32, _HEADER_32, 0x1000)]
)
def test_headers(record: type[Record], table: str, size: int) -> None:
    assert declared(record) == stated(table)
    assert size == record.SIZE


@pytest.mark.parametrize(
    ("record", "table", "size"),
    [
        (PhysicalMemoryDescriptor64, "0 4 NumberOfRuns, 8 8 NumberOfPages", 0x10),
        (PhysicalMemoryDescriptor32, "0 4 NumberOfRuns, 4 4 NumberOfPages", 8),
        (MemoryRun64, "0 8 BasePage, 8 8 PageCount", 0x10),
        (MemoryRun32, "0 4 BasePage, 4 4 PageCount", 8),
    ],
)
def test_physical_memory(record: type[Record], table: str, size: int) -> None:
    assert declared(record) == stated(table)
    assert size == record.SIZE


def test_runs_that_the_header_has_room_for() -> None:
    room = DumpHeader64.physical_memory_block.size, DumpHeader32.physical_memory_block.size
    assert (room[0] - 0x10) // MemoryRun64.SIZE == 42  # and 12 bytes of a 43rd, which ends in the padding
    assert (room[1] - 8) // MemoryRun32.SIZE == 86


def test_signatures_are_the_first_two_fields() -> None:
    assert DumpHeader64.build(signature=b"PAGE", valid_dump=b"DU64")[:8] == SIGNATURE_64
    assert DumpHeader32.build(signature=b"PAGE", valid_dump=b"DUMP")[:8] == SIGNATURE_32


@_HEADERS
def test_every_field_of_an_unwritten_header_is_fill(header: type[Record]) -> None:
    blank = header(header.build(FILL))
    assert all(is_fill(field, getattr(blank, field.name)) for field in header.FIELDS)


@_HEADERS
def test_no_field_of_a_zero_header_is_fill(header: type[Record]) -> None:
    zeros = header(bytes(header.SIZE))
    assert not any(is_fill(field, getattr(zeros, field.name)) for field in header.FIELDS)


def test_what_fill_looks_like() -> None:
    """A byte at an odd place shows another letter: `KdSecondaryVersion` of the 32-bit header lies at 0x5D."""
    assert is_fill(DumpHeader64.boot_id, 0x45474150)
    assert is_fill(DumpHeader64.system_up_time, 0x4547415045474150)
    assert is_fill(DumpHeader32.kd_secondary_version, ord("A"))
    assert is_fill(DumpHeader32.spare, int.from_bytes(b"GE", "little"))
    assert not is_fill(DumpHeader32.kd_secondary_version, ord("P"))


@given(st.integers(0, 0xFFFFFFFF))
def test_only_the_fill_is_fill(value: int) -> None:
    assert is_fill(DumpHeader64.suite_mask, value) == (value == 0x45474150)


def test_machines_dump_types_and_attributes() -> None:
    assert {kind.name: int(kind) for kind in MachineType} == {
        "X86": 0x14C,
        "ALPHA": 0x184,
        "ARM": 0x1C4,
        "IA64": 0x200,
        "ALPHA64": 0x284,
        "X64": 0x8664,
        "ARM64": 0xAA64,
    }
    assert [int(kind) for kind in DumpType] == list(range(1, 11))
    assert len({kind.words for kind in DumpType}) == 10
    assert DumpType.TRIAGE.words == "small memory dump"
    assert [int(bit) for bit in Attributes] == [1 << bit for bit in range(10)]
    assert Attributes(0xC) == Attributes.KERNEL_GENERATED_TRIAGE_DUMP | Attributes.INSUFFICIENT_DUMPFILE_SIZE
