"""The layouts of portable executables, against Microsoft's documentation of them."""

from __future__ import annotations

import pytest

from smalldump.layout.pe import (
    CodeViewNb10,
    CodeViewRsds,
    DataDirectory,
    DebugDirectory,
    DosHeader,
    ExportDirectory,
    FileHeader,
    OptionalHeader32,
    OptionalHeader64,
    RuntimeFunctionArm64,
    RuntimeFunctionX64,
    SectionHeader,
)
from smalldump.layout.record import Record
from smalldump.layout.unwind_info import UnwindInfoHeader
from tests.layout.second_source import declared, stated

_OPTIONAL = """
0 2 Magic, 10 4 AddressOfEntryPoint, 20 4 SectionAlignment, 24 4 FileAlignment, 38 4 SizeOfImage,
3c 4 SizeOfHeaders, 40 4 CheckSum, 44 2 Subsystem
"""


@pytest.mark.parametrize(
    ("record", "table", "size"),
    [
        (DosHeader, "0 2 e_magic, 3c 4 e_lfanew", 0x40),
        (
            FileHeader,
            "0 2 Machine, 2 2 NumberOfSections, 4 4 TimeDateStamp, 8 4 PointerToSymbolTable, c 4 NumberOfSymbols,"
            "10 2 SizeOfOptionalHeader, 12 2 Characteristics",
            20,
        ),
        (OptionalHeader32, _OPTIONAL + ", 1c 4 ImageBase, 5c 4 NumberOfRvaAndSizes", 96),
        (OptionalHeader64, _OPTIONAL + ", 18 8 ImageBase, 6c 4 NumberOfRvaAndSizes", 112),
        (DataDirectory, "0 4 VirtualAddress, 4 4 DataSize", 8),
        (
            SectionHeader,
            "0 8 SectionName, 8 4 VirtualSize, c 4 VirtualAddress, 10 4 SizeOfRawData, 14 4 PointerToRawData,"
            "24 4 Characteristics",
            40,
        ),
        (
            ExportDirectory,
            "c 4 ModuleName, 10 4 Base, 14 4 NumberOfFunctions, 18 4 NumberOfNames, 1c 4 AddressOfFunctions,"
            "20 4 AddressOfNames, 24 4 AddressOfNameOrdinals",
            40,
        ),
        (
            DebugDirectory,
            "4 4 TimeDateStamp, c 4 Type, 10 4 SizeOfData, 14 4 AddressOfRawData, 18 4 PointerToRawData",
            28,
        ),
        (CodeViewRsds, "0 4 Signature, 4 10 Guid, 14 4 Age", 24),
        (CodeViewNb10, "0 4 Signature, 4 4 Offset, 8 4 TimeDateStamp, c 4 Age", 16),
        (RuntimeFunctionX64, "0 4 BeginAddress, 4 4 EndAddress, 8 4 UnwindInfoAddress", 12),
        (RuntimeFunctionArm64, "0 4 BeginAddress, 4 4 UnwindData", 8),
        (
            UnwindInfoHeader,
            "0 1 VersionAndFlags, 1 1 SizeOfProlog, 2 1 CountOfCodes, 3 1 FrameRegisterAndOffset",
            4,
        ),
    ],
)
def test_records(record: type[Record], table: str, size: int) -> None:
    assert declared(record) == stated(table)
    assert size == record.SIZE
