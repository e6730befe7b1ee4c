"""The sections of a small dump against the tables of the format reference, §3."""

from __future__ import annotations

import pytest

from smalldump.layout.record import Record
from smalldump.layout.triage import (
    MARKER,
    UNLOADED_SLOTS,
    DriverEntry32,
    DriverEntry64,
    DumpString,
    MiniDumpFields,
    MiTriageStorage32,
    MiTriageStorage64,
    TriageDataBlock,
    TriageDump32,
    TriageDump64,
    UnloadedDriver32,
    UnloadedDriver64,
)
from tests.layout.second_source import declared, stated

_TRIAGE_64 = """
0 4 ServicePackBuild, 4 4 SizeOfDump, 8 4 ValidOffset, c 4 ContextOffset, 10 4 ExceptionOffset, 14 4 MmOffset,
18 4 UnloadedDriversOffset, 1c 4 PrcbOffset, 20 4 ProcessOffset, 24 4 ThreadOffset, 28 4 CallStackOffset,
2c 4 SizeOfCallStack, 30 4 DriverListOffset, 34 4 DriverCount, 38 4 StringPoolOffset, 3c 4 StringPoolSize,
40 4 BrokenDriverOffset, 44 4 TriageOptions, 48 8 TopOfStack, 50 4 BStoreOffset, 54 4 SizeOfBStore, 58 8 LimitOfBStore,
60 8 DataPageAddress, 68 4 DataPageOffset, 6c 4 DataPageSize, 70 4 DebuggerDataOffset, 74 4 DebuggerDataSize,
78 4 DataBlocksOffset, 7c 4 DataBlocksCount
"""
_TRIAGE_32 = """
0 4 ServicePackBuild, 4 4 SizeOfDump, 8 4 ValidOffset, c 4 ContextOffset, 10 4 ExceptionOffset, 14 4 MmOffset,
18 4 UnloadedDriversOffset, 1c 4 PrcbOffset, 20 4 ProcessOffset, 24 4 ThreadOffset, 28 4 CallStackOffset,
2c 4 SizeOfCallStack, 30 4 DriverListOffset, 34 4 DriverCount, 38 4 StringPoolOffset, 3c 4 StringPoolSize,
40 4 BrokenDriverOffset, 44 4 TriageOptions, 48 4 TopOfStack, 4c 4 DataPageAddress, 50 4 DataPageOffset,
54 4 DataPageSize, 58 4 DebuggerDataOffset, 5c 4 DebuggerDataSize, 60 4 DataBlocksOffset, 64 4 DataBlocksCount
"""
_MM_HEAD = """
0 4 Version, 4 4 Size, 8 4 MmSpecialPoolTag, c 4 MiTriageActionTaken, 10 4 MmVerifyDriverLevel, 14 4 KernelVerifier
"""
_MM_64 = """,
18 8 MmMaximumNonPagedPool, 20 8 MmAllocatedNonPagedPool, 28 8 PagedPoolMaximum, 30 8 PagedPoolAllocated,
38 8 CommittedPages, 40 8 CommittedPagesPeak, 48 8 CommitLimitMaximum
"""
_MM_32 = """,
18 4 MmMaximumNonPagedPool, 1c 4 MmAllocatedNonPagedPool, 20 4 PagedPoolMaximum, 24 4 PagedPoolAllocated,
28 4 CommittedPages, 2c 4 CommittedPagesPeak, 30 4 CommitLimitMaximum
"""
_UNLOADED_64 = """
0 2 Length, 2 2 MaximumLength, 8 8 Buffer, 10 18 DriverName, 28 8 StartAddress, 30 8 EndAddress
"""
_UNLOADED_32 = "0 2 Length, 2 2 MaximumLength, 4 4 Buffer, 8 18 DriverName, 20 4 StartAddress, 24 4 EndAddress"
_DRIVER_64 = """
0 4 DriverNameOffset, 38 8 DllBase, 40 8 EntryPoint, 48 4 SizeOfImage, 70 4 Flags, 74 2 LoadCount, 80 4 CheckSum,
88 4 TimeDateStamp
"""
_DRIVER_32 = """
0 4 DriverNameOffset, 1c 4 DllBase, 20 4 EntryPoint, 24 4 SizeOfImage, 38 4 Flags, 3c 2 LoadCount, 44 4 CheckSum,
48 4 TimeDateStamp
"""


@pytest.mark.parametrize(
    ("record", "table", "size"),
    [
        (TriageDump64, _TRIAGE_64, 0x80),
        (TriageDump32, _TRIAGE_32, 0x68),
        (MiTriageStorage64, _MM_HEAD + _MM_64, 0x50),
        (MiTriageStorage32, _MM_HEAD + _MM_32, 0x34),
        (UnloadedDriver64, _UNLOADED_64, 0x38),
        (UnloadedDriver32, _UNLOADED_32, 0x28),
        (DumpString, "0 4 Length", 4),
        (TriageDataBlock, "0 8 Address, 8 4 Offset, c 4 Size", 0x10),
    ],
)
def test_records(record: type[Record], table: str, size: int) -> None:
    assert declared(record) == stated(table)
    assert size == record.SIZE


@pytest.mark.parametrize(
    ("record", "table", "size", "names", "links"),
    [
        (DriverEntry64, _DRIVER_64, 0x90, (0x50, 0x20), (0x8, 0x30)),
        (DriverEntry32, _DRIVER_32, 0x4C, (0x28, 0x10), (0x4, 0x18)),
    ],
)
def test_driver_entries(
    record: type[Record], table: str, size: int, names: tuple[int, int], links: tuple[int, int]
) -> None:
    """The entry is a copy of the loader's: links, two UNICODE_STRINGs that lead nowhere, and what is used."""
    assert declared(record) == stated(table) | {"names": names, "entry": links}
    assert size == record.SIZE


def test_constants() -> None:
    assert MARKER == b"TRGD" == (0x44475254).to_bytes(4, "little")  # the C constant 'DGRT'
    assert UNLOADED_SLOTS == 50
    assert MiniDumpFields(0xDFF) == MiniDumpFields(0xFFF) & ~MiniDumpFields.DATAPAGE
    assert MiniDumpFields(0xCFF) == MiniDumpFields(0xDFF) & ~MiniDumpFields.MMINFO
    assert int(MiniDumpFields.DATA_BLOCKS) == 0x800


def test_names_of_unloaded_drivers_have_no_end_mark() -> None:
    entry = UnloadedDriver64(UnloadedDriver64.build(driver_name="dump_storpor"))
    assert entry.driver_name == "dump_storpor"
