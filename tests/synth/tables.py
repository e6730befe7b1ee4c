"""Where everything is in a small memory dump, as literal offsets.

These tables repeat the format reference (§2.1, §2.2, §3, §5) on purpose and import nothing of the package under test:
they are the second opinion that finds a wrong offset there. Each is {field: (offset, struct code)}.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "BLOB",
    "BLOB_FILE",
    "BLOCK",
    "CONTEXT_AREA",
    "DRIVER",
    "EXCEPTION",
    "HEADER",
    "HEADER_SIZE",
    "MM",
    "TRIAGE",
    "TRIAGE_SIZE",
    "UNLOADED",
    "Table",
]

Table = Mapping[str, tuple[int, str]]

HEADER_SIZE = {32: 0x1000, 64: 0x2000}
TRIAGE_SIZE = {32: 0x68, 64: 0x80}
CONTEXT_AREA = {32: (0x320, 0x4B0), 64: (0x348, 0xBB8)}

HEADER: Mapping[int, Table] = {
    64: {
        "Signature": (0x000, "4s"),
        "ValidDump": (0x004, "4s"),
        "MajorVersion": (0x008, "I"),
        "MinorVersion": (0x00C, "I"),
        "DirectoryTableBase": (0x010, "Q"),
        "PfnDataBase": (0x018, "Q"),
        "PsLoadedModuleList": (0x020, "Q"),
        "PsActiveProcessHead": (0x028, "Q"),
        "MachineImageType": (0x030, "I"),
        "NumberProcessors": (0x034, "I"),
        "BugCheckCode": (0x038, "I"),
        "BugCheckParameter1": (0x040, "Q"),
        "BugCheckParameter2": (0x048, "Q"),
        "BugCheckParameter3": (0x050, "Q"),
        "BugCheckParameter4": (0x058, "Q"),
        "VersionUser": (0x060, "32s"),
        "KdDebuggerDataBlock": (0x080, "Q"),
        "PhysicalMemoryBlock": (0x088, "700s"),
        "ContextRecord": (0x348, "3000s"),
        "Exception": (0xF00, "152s"),
        "DumpType": (0xF98, "I"),
        "RequiredDumpSpace": (0xFA0, "Q"),
        "SystemTime": (0xFA8, "Q"),
        "Comment": (0xFB0, "128s"),
        "SystemUpTime": (0x1030, "Q"),
        "MiniDumpFields": (0x1038, "I"),
        "SecondaryDataState": (0x103C, "I"),
        "ProductType": (0x1040, "I"),
        "SuiteMask": (0x1044, "I"),
        "WriterStatus": (0x1048, "I"),
        "KdSecondaryVersion": (0x104D, "B"),
        "Attributes": (0x1050, "I"),
        "BootId": (0x1054, "I"),
    },
    32: {
        "Signature": (0x000, "4s"),
        "ValidDump": (0x004, "4s"),
        "MajorVersion": (0x008, "I"),
        "MinorVersion": (0x00C, "I"),
        "DirectoryTableBase": (0x010, "I"),
        "PfnDataBase": (0x014, "I"),
        "PsLoadedModuleList": (0x018, "I"),
        "PsActiveProcessHead": (0x01C, "I"),
        "MachineImageType": (0x020, "I"),
        "NumberProcessors": (0x024, "I"),
        "BugCheckCode": (0x028, "I"),
        "BugCheckParameter1": (0x02C, "I"),
        "BugCheckParameter2": (0x030, "I"),
        "BugCheckParameter3": (0x034, "I"),
        "BugCheckParameter4": (0x038, "I"),
        "VersionUser": (0x03C, "32s"),
        "PaeEnabled": (0x05C, "B"),
        "KdSecondaryVersion": (0x05D, "B"),
        "KdDebuggerDataBlock": (0x060, "I"),
        "PhysicalMemoryBlock": (0x064, "700s"),
        "ContextRecord": (0x320, "1200s"),
        "Exception": (0x7D0, "80s"),
        "Comment": (0x820, "128s"),
        "Attributes": (0x8A0, "I"),
        "BootId": (0x8A4, "I"),
        "DumpType": (0xF88, "I"),
        "MiniDumpFields": (0xF8C, "I"),
        "SecondaryDataState": (0xF90, "I"),
        "ProductType": (0xF94, "I"),
        "SuiteMask": (0xF98, "I"),
        "WriterStatus": (0xF9C, "I"),
        "RequiredDumpSpace": (0xFA0, "Q"),
        "SystemUpTime": (0xFB8, "Q"),
        "SystemTime": (0xFC0, "Q"),
    },
}

EXCEPTION: Mapping[int, Table] = {
    64: {
        "ExceptionCode": (0x00, "I"),
        "ExceptionFlags": (0x04, "I"),
        "ExceptionRecord": (0x08, "Q"),
        "ExceptionAddress": (0x10, "Q"),
        "NumberParameters": (0x18, "I"),
    },
    32: {
        "ExceptionCode": (0x00, "I"),
        "ExceptionFlags": (0x04, "I"),
        "ExceptionRecord": (0x08, "I"),
        "ExceptionAddress": (0x0C, "I"),
        "NumberParameters": (0x10, "I"),
    },
}

TRIAGE: Mapping[int, Table] = {
    64: {
        "ServicePackBuild": (0x00, "I"),
        "SizeOfDump": (0x04, "I"),
        "ValidOffset": (0x08, "I"),
        "ContextOffset": (0x0C, "I"),
        "ExceptionOffset": (0x10, "I"),
        "MmOffset": (0x14, "I"),
        "UnloadedDriversOffset": (0x18, "I"),
        "PrcbOffset": (0x1C, "I"),
        "ProcessOffset": (0x20, "I"),
        "ThreadOffset": (0x24, "I"),
        "CallStackOffset": (0x28, "I"),
        "SizeOfCallStack": (0x2C, "I"),
        "DriverListOffset": (0x30, "I"),
        "DriverCount": (0x34, "I"),
        "StringPoolOffset": (0x38, "I"),
        "StringPoolSize": (0x3C, "I"),
        "BrokenDriverOffset": (0x40, "I"),
        "TriageOptions": (0x44, "I"),
        "TopOfStack": (0x48, "Q"),
        "BStoreOffset": (0x50, "I"),
        "SizeOfBStore": (0x54, "I"),
        "LimitOfBStore": (0x58, "Q"),
        "DataPageAddress": (0x60, "Q"),
        "DataPageOffset": (0x68, "I"),
        "DataPageSize": (0x6C, "I"),
        "DebuggerDataOffset": (0x70, "I"),
        "DebuggerDataSize": (0x74, "I"),
        "DataBlocksOffset": (0x78, "I"),
        "DataBlocksCount": (0x7C, "I"),
    },
    32: {
        "ServicePackBuild": (0x00, "I"),
        "SizeOfDump": (0x04, "I"),
        "ValidOffset": (0x08, "I"),
        "ContextOffset": (0x0C, "I"),
        "ExceptionOffset": (0x10, "I"),
        "MmOffset": (0x14, "I"),
        "UnloadedDriversOffset": (0x18, "I"),
        "PrcbOffset": (0x1C, "I"),
        "ProcessOffset": (0x20, "I"),
        "ThreadOffset": (0x24, "I"),
        "CallStackOffset": (0x28, "I"),
        "SizeOfCallStack": (0x2C, "I"),
        "DriverListOffset": (0x30, "I"),
        "DriverCount": (0x34, "I"),
        "StringPoolOffset": (0x38, "I"),
        "StringPoolSize": (0x3C, "I"),
        "BrokenDriverOffset": (0x40, "I"),
        "TriageOptions": (0x44, "I"),
        "TopOfStack": (0x48, "I"),
        "DataPageAddress": (0x4C, "I"),
        "DataPageOffset": (0x50, "I"),
        "DataPageSize": (0x54, "I"),
        "DebuggerDataOffset": (0x58, "I"),
        "DebuggerDataSize": (0x5C, "I"),
        "DataBlocksOffset": (0x60, "I"),
        "DataBlocksCount": (0x64, "I"),
    },
}

MM: Mapping[int, Table] = {
    64: {
        "Version": (0x00, "I"),
        "Size": (0x04, "I"),
        "MmSpecialPoolTag": (0x08, "I"),
        "MiTriageActionTaken": (0x0C, "I"),
        "MmVerifyDriverLevel": (0x10, "I"),
        "KernelVerifier": (0x14, "I"),
        "MmMaximumNonPagedPool": (0x18, "Q"),
        "MmAllocatedNonPagedPool": (0x20, "Q"),
        "PagedPoolMaximum": (0x28, "Q"),
        "PagedPoolAllocated": (0x30, "Q"),
        "CommittedPages": (0x38, "Q"),
        "CommittedPagesPeak": (0x40, "Q"),
        "CommitLimitMaximum": (0x48, "Q"),
    },
    32: {
        "Version": (0x00, "I"),
        "Size": (0x04, "I"),
        "MmSpecialPoolTag": (0x08, "I"),
        "MiTriageActionTaken": (0x0C, "I"),
        "MmVerifyDriverLevel": (0x10, "I"),
        "KernelVerifier": (0x14, "I"),
        "MmMaximumNonPagedPool": (0x18, "I"),
        "MmAllocatedNonPagedPool": (0x1C, "I"),
        "PagedPoolMaximum": (0x20, "I"),
        "PagedPoolAllocated": (0x24, "I"),
        "CommittedPages": (0x28, "I"),
        "CommittedPagesPeak": (0x2C, "I"),
        "CommitLimitMaximum": (0x30, "I"),
    },
}

UNLOADED: Mapping[int, Table] = {
    64: {
        "Length": (0x00, "H"),
        "MaximumLength": (0x02, "H"),
        "Buffer": (0x08, "Q"),
        "DriverName": (0x10, "24s"),
        "StartAddress": (0x28, "Q"),
        "EndAddress": (0x30, "Q"),
    },
    32: {
        "Length": (0x00, "H"),
        "MaximumLength": (0x02, "H"),
        "Buffer": (0x04, "I"),
        "DriverName": (0x08, "24s"),
        "StartAddress": (0x20, "I"),
        "EndAddress": (0x24, "I"),
    },
}

DRIVER: Mapping[int, Table] = {
    64: {
        "DriverNameOffset": (0x00, "I"),
        "InLoadOrderFlink": (0x08, "Q"),
        "InLoadOrderBlink": (0x10, "Q"),
        "DllBase": (0x38, "Q"),
        "EntryPoint": (0x40, "Q"),
        "SizeOfImage": (0x48, "I"),
        "FullDllName": (0x50, "16s"),
        "BaseDllName": (0x60, "16s"),
        "Flags": (0x70, "I"),
        "LoadCount": (0x74, "H"),
        "CheckSum": (0x80, "I"),
        "TimeDateStamp": (0x88, "I"),
    },
    32: {
        "DriverNameOffset": (0x00, "I"),
        "InLoadOrderFlink": (0x04, "I"),
        "InLoadOrderBlink": (0x08, "I"),
        "DllBase": (0x1C, "I"),
        "EntryPoint": (0x20, "I"),
        "SizeOfImage": (0x24, "I"),
        "FullDllName": (0x28, "8s"),
        "BaseDllName": (0x30, "8s"),
        "Flags": (0x38, "I"),
        "LoadCount": (0x3C, "H"),
        "CheckSum": (0x44, "I"),
        "TimeDateStamp": (0x48, "I"),
    },
}

BLOCK: Table = {"Address": (0x00, "Q"), "Offset": (0x08, "I"), "Size": (0x0C, "I")}

BLOB_FILE: Table = {
    "Signature1": (0x00, "4s"),
    "Signature2": (0x04, "4s"),
    "HeaderSize": (0x08, "I"),
    "BuildNumber": (0x0C, "I"),
}

BLOB: Table = {
    "HeaderSize": (0x00, "I"),
    "Tag": (0x04, "16s"),
    "DataSize": (0x14, "I"),
    "PrePad": (0x18, "I"),
    "PostPad": (0x1C, "I"),
}
